"""What people and places are called."""

from __future__ import annotations

FIRST_NAMES = (
    *("Ada", "Ahmed", "Aiko", "Alma", "Amara", "Anton", "Arjun", "Astrid", "Bao", "Beatriz", "Bela", "Boris"),
    *("Carla", "Cedric", "Chloe", "Dalia", "Dario", "Dina", "Edgar", "Elif", "Elio", "Emre", "Esther", "Farid"),
    *("Fiona", "Frida", "Gita", "Greta", "Hana", "Hector", "Hugo", "Ida", "Imani", "Ines", "Iris", "Jonas"),
    *("Jun", "Kamal", "Karin", "Keiko", "Kofi", "Lars", "Leila", "Lena", "Linh", "Lorenzo", "Luca", "Maja"),
    *("Malik", "Marta", "Mateo", "Mina", "Nadia", "Nils", "Nora", "Olga", "Omar", "Oskar", "Paula", "Pedro"),
    *("Petra", "Priya", "Rafael", "Rosa", "Ruth", "Samir", "Selma", "Sven", "Tariq", "Tessa", "Tomas", "Uma"),
    *("Vera", "Victor", "Wanda", "Yara", "Yusuf", "Zoe"),
)
LAST_NAMES = (
    *("Abbott", "Acosta", "Adler", "Aydin", "Baker", "Banerjee", "Barros", "Becker", "Bianchi", "Blom", "Bosch"),
    *("Calloway", "Cruz", "Dahl", "Das", "Demir", "Diaz", "Dubois", "Ekstrom", "Ellis", "Farah", "Ferrari", "Fischer"),
    *("Fontaine", "Fujita", "Grant", "Gupta", "Haddad", "Hansen", "Hoang", "Holt", "Ibarra", "Ito", "Jansen"),
    *("Joshi", "Kaplan", "Kaya", "Keller", "Khan", "Kovac", "Larsen", "Lindgren", "Lopes", "Mensah", "Mori", "Moreau"),
    *("Nakamura", "Navarro", "Novak", "Okafor", "Olsen", "Ortega", "Osei", "Palmer", "Park", "Pereira", "Petrov"),
    *("Quinn", "Rahman", "Ramos", "Reyes", "Rossi", "Sato", "Schmidt", "Serrano", "Singh", "Sokolov", "Soto", "Stone"),
    *("Takeda", "Torres", "Tran", "Usman", "Vargas", "Vogel", "Walsh", "Weber", "Yamada", "Yilmaz", "Zapata", "Zhou"),
)
STREETS = (
    *("Acorn Lane", "Birch Street", "Canal Road", "Chestnut Avenue", "Clover Court", "Copper Street", "Falcon Way"),
    *("Foundry Lane", "Garden Terrace", "Granite Road", "Harbor Street", "Heron Drive", "Juniper Way", "Kiln Street"),
    *("Lantern Court", "Linden Avenue", "Mill Road", "Orchard Street", "Pepper Lane", "Quarry Drive", "Saddle Road"),
    *(
        "Sawmill Lane",
        "Tannery Street",
        "Thistle Drive",
        "Union Square",
        "Walnut Court",
        "Willow Bend",
        "Windmill Road",
    ),
)
UNITS = ("Apt", "Suite", "Unit", "Floor")
CITIES = (
    ("Albuquerque", "NM", 871),
    ("Anchorage", "AK", 995),
    ("Atlanta", "GA", 303),
    ("Baltimore", "MD", 212),
    ("Boise", "ID", 837),
    ("Boston", "MA", 21),
    ("Buffalo", "NY", 142),
    ("Cleveland", "OH", 441),
    ("Des Moines", "IA", 503),
    ("Hartford", "CT", 61),
    ("Honolulu", "HI", 968),
    ("Kansas City", "MO", 641),
    ("Louisville", "KY", 402),
    ("Madison", "WI", 537),
    ("Memphis", "TN", 381),
    ("Minneapolis", "MN", 554),
    ("Newark", "NJ", 71),
    ("Omaha", "NE", 681),
    ("Pittsburgh", "PA", 152),
    ("Portland", "OR", 972),
    ("Providence", "RI", 29),
    ("Raleigh", "NC", 276),
    ("Reno", "NV", 895),
    ("Sacramento", "CA", 958),
    ("Salt Lake City", "UT", 841),
    ("Tucson", "AZ", 857),
)
"""City, state, and the first three digits of its zip codes."""
BRANDS = ("visa", "mastercard")
MOODS = (
    *("brief", "cheerful", "chatty", "polite", "impatient", "patient", "formal", "curious", "sceptical", "precise"),
    *("absent-minded", "friendly", "direct", "shy", "relaxed", "busy", "anxious", "dry", "organized", "optimistic"),
)
"""How customers are; none of it changes what they want."""
