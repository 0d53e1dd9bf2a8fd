"""What stands in the models of a folder of cases: operators, attributes, opsets and input patterns.

    python survey.py OUT_DIR [PREFIX]     # only the cases whose name starts with PREFIX

An input reads as the operator that makes it, `graph` for an input of the graph, `-` if left out, or for an initializer its type
and rank (`int8:4`; `int8:0` is a scalar). A pattern is the inputs of one node and, behind `->`, the operators that read its
output.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

import onnx
from onnx import TensorProto, helper

import common


def attribute(value: onnx.AttributeProto) -> str:
    """`name=value`, tensors by their type and rank."""
    found = helper.get_attribute_value(value)
    if isinstance(found, TensorProto):
        found = f"{TensorProto.DataType.Name(found.data_type).lower()}:{len(found.dims)}"
    return f"{value.name}={found}"


def main(folder: Path, prefix: str) -> None:
    """Prints the survey."""
    count, cases, attributes, patterns, opsets = Counter(), defaultdict(set), *(defaultdict(Counter) for _ in range(3))
    headers = Counter()
    for path in sorted(folder.glob(f"{prefix}*/model.onnx")):
        model = onnx.load(path)
        graph = model.graph
        versions = {o.domain: o.version for o in model.opset_import}
        domains = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in sorted(versions.items()))
        headers[f"IR {model.ir_version}, {domains}"] += 1
        held = {t.name: f"{TensorProto.DataType.Name(t.data_type).lower()}:{len(t.dims)}" for t in graph.initializer}
        made = {name: common.qualified(node) for node in graph.node for name in node.output} | held
        made |= {v.name: "graph" for v in graph.input if v.name not in held} | {"": "-"}
        readers = defaultdict(set)
        for node in graph.node:
            for name in node.input:
                readers[name].add(common.qualified(node))
        for value in graph.output:
            readers[value.name].add("graph")
        for node in graph.node:
            kind = common.qualified(node)
            count[kind] += 1
            cases[kind].add(path.parent.name)
            opsets[kind][f"{node.domain or 'ai.onnx'} {versions.get(node.domain)}"] += 1
            attributes[kind].update(map(attribute, node.attribute))
            into = ", ".join(made[name] for name in node.input)
            onto = "+".join(sorted({r for name in node.output for r in readers[name]}))
            patterns[kind][f"({into}) -> {onto}"] += 1
    print("headers:", dict(headers))
    for kind in sorted(count, key=lambda k: -count[k]):
        print(f"\n{kind}: {count[kind]} nodes in {len(cases[kind])} cases; opsets {dict(opsets[kind])}")
        if attributes[kind]:
            print("  attributes:", ", ".join(f"{name} x{n}" for name, n in sorted(attributes[kind].items())))
        for pattern, n in patterns[kind].most_common():
            print(f"  {n:5} {pattern}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else "")
