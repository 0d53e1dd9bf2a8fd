"""Make disturbed.npy and disturbed_labels.npy: calibration images that the network has not learned by heart.

The network classifies all its training images correctly at every precision of every layer, so these say nothing about what a precision
costs on images that it has not seen. Each of the 256 calibration images is therefore taken four times, each time turned by up to 10
degrees, scaled by up to 5 %, moved by up to half a pixel (bilinear) and given noise of half a grey level (standard deviation; pixels are
0 .. 16). The seed is 0. The test images take no part.

    python calibrate.py            # write the files
    python calibrate.py --check    # compare with them instead
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
COPIES = 4
DEGREES, SCALE, SHIFT, NOISE = 10, 0.05, 0.5, 0.5


def disturb(image, random):
    """One image [8, 8] of pixels 0 .. 16, disturbed."""
    y, x = np.mgrid[0:8, 0:8] - 3.5
    angle = np.deg2rad(random.uniform(-DEGREES, DEGREES))
    scale = random.uniform(1 - SCALE, 1 + SCALE)
    dx, dy = random.uniform(-SHIFT, SHIFT, 2)
    # Where each pixel comes from, in an image with two empty pixels around it.
    padded = np.pad(image.astype(np.float64), 2)
    source_x = np.clip((np.cos(angle) * x - np.sin(angle) * y) / scale + 5.5 - dx, 0, 10.999)
    source_y = np.clip((np.sin(angle) * x + np.cos(angle) * y) / scale + 5.5 - dy, 0, 10.999)
    i, j = source_y.astype(int), source_x.astype(int)
    fy, fx = source_y - i, source_x - j
    upper = padded[i, j] * (1 - fx) + padded[i, j + 1] * fx
    lower = padded[i + 1, j] * (1 - fx) + padded[i + 1, j + 1] * fx
    value = upper * (1 - fy) + lower * fy + random.normal(0, NOISE, image.shape)
    return np.clip(np.rint(value), 0, 16).astype(np.uint8)


def main():
    """Write the files, or compare with them."""
    images, labels = np.load(HERE / "calibration.npy"), np.load(HERE / "calibration_labels.npy")
    random = np.random.default_rng(0)
    disturbed = np.stack([disturb(image, random) for _ in range(COPIES) for image in images])
    found = {"disturbed.npy": disturbed, "disturbed_labels.npy": np.tile(labels, COPIES)}
    for name, values in found.items():
        if "--check" not in sys.argv[1:]:
            np.save(HERE / name, values)
        elif not np.array_equal(np.load(HERE / name), values):
            raise SystemExit(f"{name} does not match; run calibrate.py to rewrite it")


if __name__ == "__main__":
    main()
