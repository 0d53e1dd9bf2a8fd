//! Modules to Verilog text: ANSI headers, four spaces an indent, short instances on one line.

use super::source::{Connection, Foreign, Item, Source};
use super::token::{Kind, Token};

/// Instances longer than this get one connection a line.
const LINE: usize = 110;

/// A module's text. `module_name` gives the name of a submodule for the name its instances carry.
pub(super) fn module(name: &str, source: &Source, module_name: impl Fn(&str) -> String) -> String {
    let ports: Vec<String> =
        source.ports.iter().map(|p| format!("    {} {}{}", p.direction.keyword(), p.shape.text(), p.name)).collect();
    let mut text = match ports.is_empty() {
        true => format!("module {name};\n"),
        false => format!("module {name} (\n{}\n);\n", ports.join(",\n")),
    };
    let mut previous = None;
    for item in &source.items {
        let group = group(item);
        if previous.is_some_and(|previous| previous != group || group == Group::Block) {
            text.push('\n');
        }
        previous = Some(group);
        match item {
            Item::Constant { name, signed, value } => {
                let sign = if *signed { "signed " } else { "" };
                text.push_str(&format!("    localparam {sign}{name} = {};\n", inline(value)));
            }
            Item::Net { name, shape } => text.push_str(&format!("    {}{name};\n", shape.text())),
            Item::Instance { module, parameters, name, connections } => {
                text.push_str(&instance(&module_name(module), parameters, name, connections));
            }
            Item::Assign { target, value } => text.push_str(&format!("    assign {target} = {};\n", inline(value))),
            Item::Process { statements } => {
                let tokens: Vec<Token> = statements.iter().flat_map(|s| on_own_line(s)).collect();
                text.push_str(&format!("    always @(*) begin\n{}    end\n", layout(&tokens, 2)));
            }
            Item::Other(tokens) => text.push_str(&layout(tokens, 1)),
        }
    }
    text + "endmodule\n"
}

/// A copied core, as it came but for comments.
pub(super) fn foreign(core: &Foreign) -> String {
    layout(&core.tokens, 0)
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Group {
    Constant,
    Net,
    Instance,
    Assign,
    Block,
    Line,
}

fn group(item: &Item) -> Group {
    match item {
        Item::Constant { .. } => Group::Constant,
        Item::Net { .. } => Group::Net,
        Item::Instance { .. } => Group::Instance,
        Item::Assign { .. } => Group::Assign,
        Item::Process { .. } => Group::Block,
        Item::Other(tokens) if tokens.iter().skip(1).any(|t| t.breaks) => Group::Block,
        Item::Other(_) => Group::Line,
    }
}

fn instance(module: &str, parameters: &[Token], name: &str, connections: &[Connection]) -> String {
    let parameters = if parameters.is_empty() { String::new() } else { format!("#({}) ", inline(parameters)) };
    let connections: Vec<String> = connections
        .iter()
        .map(|connection| match &connection.port {
            Some(port) => format!(".{port}({})", inline(&connection.value)),
            None => inline(&connection.value),
        })
        .collect();
    let line = format!("    {module} {parameters}{name} ({});\n", connections.join(", "));
    if line.len() <= LINE {
        return line;
    }
    format!("    {module} {parameters}{name} (\n        {}\n    );\n", connections.join(",\n        "))
}

/// Tokens on one line, with the spaces they had.
fn inline(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        if !text.is_empty() && (token.spaced || token.breaks) {
            text.push(' ');
        }
        text.push_str(&token.text);
    }
    text
}

fn on_own_line(statement: &[Token]) -> Vec<Token> {
    let mut tokens = statement.to_vec();
    tokens.iter_mut().take(1).for_each(|token| token.breaks = true);
    tokens
}

/// Tokens with the line breaks they had and an indent that follows from their nesting.
fn layout(tokens: &[Token], indent: usize) -> String {
    let mut text = String::new();
    let mut depth = indent;
    let mut heads: Vec<usize> = Vec::new(); // depths at which a `case (...)` head is open
    let mut boundary = true; // whether a statement has just ended
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let joins = before.is_some_and(|before| joined(before, token));
        let closes = closes(token);
        if before.is_none() || (token.breaks && !joins) || token.kind == Kind::Directive {
            if before.is_some() {
                text.push('\n');
            }
            let bracket = before.is_some_and(|before| ["(", ",", "{", "["].iter().any(|open| before.is(open)));
            let continued = usize::from(!boundary && !closes && !bracket);
            let steps = (depth + continued).saturating_sub(usize::from(closes));
            text.push_str(&"    ".repeat(steps));
        } else if token.spaced || token.breaks || before.is_some_and(|b| b.text.starts_with('\\')) {
            text.push(' ');
        }
        text.push_str(&token.text);
        if closes {
            depth = depth.saturating_sub(1);
        }
        let label = at >= 2 && tokens[at - 1].is(":") && tokens[at - 2].is("begin");
        boundary = label || token.kind == Kind::Directive || ends_statement(token);
        if token.is(")") && heads.last() == Some(&depth) {
            heads.pop();
            boundary = true;
        }
        if token.is("case") || token.is("casez") || token.is("casex") {
            heads.push(depth + 1);
        }
        if opens(token) {
            depth += 1;
        }
    }
    text + "\n"
}

fn joined(before: &Token, token: &Token) -> bool {
    (token.is("begin") && [")", ":", "else", "*"].iter().any(|t| before.is(t))) || (token.is("else") && before.is("end"))
}

fn opens(token: &Token) -> bool {
    ["begin", "case", "casez", "casex", "generate", "function", "task", "fork", "specify", "module", "(", "{", "["]
        .iter()
        .any(|word| token.is(word))
}

fn closes(token: &Token) -> bool {
    ["end", "endcase", "endgenerate", "endfunction", "endtask", "join", "endspecify", "endmodule", ")", "}", "]"]
        .iter()
        .any(|word| token.is(word))
}

fn ends_statement(token: &Token) -> bool {
    [";", "*)", "begin", "end", "endcase", "endfunction", "endtask", "generate", "endgenerate", "join"]
        .iter()
        .any(|word| token.is(word))
}
