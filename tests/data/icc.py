"""ICC profiles written out by hand, and their colours by the book: what libraries are held against."""

import struct

import numpy as np

# Columns are the XYZ of red, green and blue under D50, from the primaries of each standard by Bradford's adaptation.
MATRICES = {
    "sRGB": [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]],
    "Display P3": [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]],
}
CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # of both: IEC 61966-2-1


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


PARA = b"para\0\0\0\0\0\x03\0\0" + fixed(*CURVE)


def profile(name, curve=PARA):
    """A version 4 profile of an RGB display.  curve: the tag of all three channels."""
    red, green, blue = np.array(MATRICES[name]).T
    tags = {b"cprt": b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 2, 28) + "-".encode("utf-16-be") + b"\0\0"}
    tags[b"desc"] = tags[b"cprt"]
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)
    for tag, column in ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)):
        tags[tag] = b"XYZ \0\0\0\0" + fixed(*column)
    for tag in (b"rTRC", b"gTRC", b"bTRC"):
        tags[tag] = curve
    return whole(tags, b"mntr")


def scanner():
    """A profile that leads from a device's RGB into XYZ by a table, and has none for the way back."""
    ends = struct.pack(">2H", 0, 0xFFFF) * 3
    corners = b"".join(struct.pack(">3H", 0x7000 * r, 0x7000 * g, 0x7000 * b) for r in (0, 1) for g in (0, 1) for b in (0, 1))
    identity = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft2\0\0\0\0" + bytes((3, 3, 2, 0)) + identity + struct.pack(">2H", 2, 2) + ends + corners + ends
    note = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 2, 28) + "-".encode("utf-16-be") + b"\0\0"
    return whole({b"cprt": note, b"desc": note, b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249), b"A2B0": table}, b"scnr")


def whole(tags, kind):
    """Header, table and tags."""
    tags = {tag: data + bytes(-len(data) % 4) for tag, data in tags.items()}
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"\0\0\0\0", 0x04000000, kind, b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + table + body


def converted(pixels, source, target):
    """Levels (..., 3) 0..255 as floats from one space to another, clipped, by the definition."""
    gamma, a, b, c, d = CURVE
    encoded = np.asarray(pixels) / 255
    linear = np.where(encoded >= d, (a * encoded + b) ** gamma, c * encoded)
    xyz = linear @ np.array(MATRICES[source]).T
    other = np.clip(xyz @ np.linalg.inv(MATRICES[target]).T, 0, 1)
    return 255 * np.where(other > 0.0031308, 1.055 * other ** (1 / 2.4) - 0.055, 12.92 * other)
