"""The kinds of products that the shop sells: name, usual price, and the options in which variants differ."""

from __future__ import annotations

from collections.abc import Mapping

Options = Mapping[str, tuple[str, ...]]
_COLORS = ("black", "white", "grey", "navy", "olive", "rust")
_SIZES = ("S", "M", "L", "XL")
_WOODS = ("oak", "walnut", "pine", "bamboo")

PRODUCTS: tuple[tuple[str, float, Options], ...] = (
    ("Apron", 27.0, {"color": _COLORS, "fabric": ("cotton", "linen", "denim")}),
    ("Archery Set", 145.0, {"draw weight": ("15 lb", "20 lb", "30 lb"), "hand": ("left", "right")}),
    ("Baking Tray", 19.0, {"size": ("small", "medium", "large"), "coating": ("ceramic", "steel", "enamel")}),
    ("Barstool", 118.0, {"height": ("65 cm", "75 cm"), "wood": _WOODS, "seat": ("leather", "fabric")}),
    ("Bath Towel", 24.0, {"color": _COLORS, "size": ("50x100", "70x140"), "weight": ("400 gsm", "600 gsm")}),
    ("Beanie", 22.0, {"color": _COLORS, "yarn": ("merino", "acrylic", "cashmere")}),
    ("Bike Lock", 54.0, {"type": ("chain", "folding", "u-lock"), "length": ("60 cm", "85 cm", "110 cm")}),
    ("Binoculars", 189.0, {"magnification": ("8x", "10x", "12x"), "lens": ("25 mm", "32 mm", "42 mm")}),
    ("Blender", 92.0, {"color": ("black", "red", "silver"), "capacity": ("1 l", "1.5 l", "2 l")}),
    ("Board Game", 41.0, {"theme": ("trains", "farming", "space", "pirates"), "players": ("2", "4", "6")}),
    ("Camping Stove", 67.0, {"fuel": ("gas", "alcohol", "wood"), "burners": ("1", "2")}),
    (
        "Cast Iron Pan",
        48.0,
        {"diameter": ("20 cm", "26 cm", "30 cm"), "handle": ("iron", "wood"), "lid": ("yes", "no")},
    ),
    ("Chess Set", 76.0, {"wood": _WOODS, "size": ("travel", "club", "tournament")}),
    ("Climbing Rope", 165.0, {"length": ("40 m", "60 m", "70 m"), "color": ("blue", "green", "orange")}),
    ("Cutting Board", 35.0, {"wood": _WOODS, "size": ("small", "medium", "large"), "groove": ("yes", "no")}),
    ("Denim Shirt", 64.0, {"size": _SIZES, "wash": ("light", "dark", "black")}),
    ("Door Mat", 29.0, {"material": ("coir", "rubber", "wool"), "size": ("40x60", "60x90")}),
    ("Drone", 429.0, {"range": ("2 km", "5 km", "8 km"), "camera": ("1080p", "4K"), "color": ("grey", "white")}),
    (
        "Electric Fan",
        58.0,
        {"type": ("desk", "tower", "pedestal"), "color": ("black", "white"), "timer": ("yes", "no")},
    ),
    (
        "Field Tent",
        298.0,
        {"capacity": ("1 person", "2 person", "4 person"), "season": ("3", "4"), "color": ("green", "sand")},
    ),
    ("Flannel Pajamas", 52.0, {"size": _SIZES, "pattern": ("plain", "striped", "checked")}),
    ("Fountain Pen", 83.0, {"nib": ("fine", "medium", "broad"), "color": ("black", "blue", "green", "red")}),
    ("Guitar Stand", 33.0, {"wood": _WOODS, "holds": ("1", "3")}),
    (
        "Hammock",
        71.0,
        {"material": ("cotton", "nylon"), "width": ("single", "double"), "color": ("green", "blue", "red")},
    ),
    ("Hand Cream", 14.0, {"scent": ("none", "lavender", "citrus"), "volume": ("50 ml", "100 ml", "200 ml")}),
    ("Humidifier", 79.0, {"capacity": ("2 l", "4 l", "6 l"), "color": ("white", "grey", "black")}),
    ("Kitchen Scale", 31.0, {"limit": ("3 kg", "5 kg", "10 kg"), "color": ("black", "white", "steel")}),
    ("Knife Block", 128.0, {"knives": ("4", "6", "8"), "wood": _WOODS}),
    ("Lunch Box", 26.0, {"compartments": ("1", "2", "3"), "material": ("steel", "glass", "bamboo")}),
    ("Messenger Bag", 99.0, {"color": _COLORS, "material": ("canvas", "leather"), "laptop sleeve": ("yes", "no")}),
    ("Microphone", 137.0, {"connection": ("USB", "XLR"), "pattern": ("cardioid", "omni", "stereo")}),
    ("Picnic Blanket", 44.0, {"size": ("130x150", "200x200"), "pattern": ("plain", "striped", "checked")}),
    ("Plant Pot", 23.0, {"diameter": ("12 cm", "18 cm", "24 cm"), "glaze": ("white", "terracotta", "green", "blue")}),
    ("Poster Frame", 38.0, {"size": ("A3", "A2", "A1"), "wood": _WOODS}),
    (
        "Projector",
        379.0,
        {"resolution": ("720p", "1080p", "4K"), "brightness": ("500 lm", "900 lm"), "battery": ("yes", "no")},
    ),
    ("Rain Jacket", 112.0, {"size": _SIZES, "color": _COLORS, "hood": ("fixed", "removable")}),
    (
        "Record Player",
        214.0,
        {"drive": ("belt", "direct"), "finish": ("black", "walnut", "white"), "speed": ("2", "3")},
    ),
    ("Rice Cooker", 88.0, {"capacity": ("1 l", "1.8 l", "3 l"), "control": ("switch", "digital")}),
    ("Shoe Rack", 57.0, {"tiers": ("2", "3", "4"), "material": ("bamboo", "metal", "fabric")}),
    (
        "Sleeping Bag",
        156.0,
        {"comfort": ("10 C", "0 C", "-10 C"), "length": ("regular", "long"), "fill": ("down", "synthetic")},
    ),
    ("Snow Boots", 134.0, {"size": ("37", "39", "41", "43", "45"), "color": ("black", "brown", "grey")}),
    ("Soldering Iron", 62.0, {"power": ("40 W", "60 W", "80 W"), "tip": ("chisel", "conical")}),
    ("Storage Basket", 34.0, {"size": ("small", "medium", "large"), "material": ("rattan", "felt", "wire")}),
    ("Table Runner", 30.0, {"length": ("120 cm", "150 cm", "180 cm"), "color": _COLORS}),
    ("Toolbox", 73.0, {"drawers": ("0", "2", "5"), "material": ("steel", "plastic")}),
    ("Travel Pillow", 32.0, {"fill": ("foam", "microbead", "inflatable"), "color": ("black", "grey", "navy", "rust")}),
    ("Ukulele", 95.0, {"size": ("soprano", "concert", "tenor"), "wood": ("mahogany", "koa", "spruce")}),
    ("Watercolor Set", 46.0, {"colors": ("12", "24", "36"), "form": ("pans", "tubes"), "case": ("metal", "wood")}),
    ("Weather Station", 104.0, {"sensors": ("1", "3", "5"), "display": ("mono", "color"), "wifi": ("yes", "no")}),
    ("Wool Scarf", 49.0, {"color": _COLORS, "width": ("20 cm", "30 cm", "50 cm")}),
)
