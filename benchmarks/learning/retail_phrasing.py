"""How customers of the shop say who they are and what they want: frames with slots, of which some are held out.

`<a|b>` is one of the texts, and `$name` a slot. A frame is in one split only, so that what is asked in a held-out
phrasing was never asked so before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Literal

Split = Literal["train", "dev", "test"]

GREETINGS = (
    *("Hi!", "Hello.", "Good <morning|evening|day>.", "Dear shop,", "Hi there,", "Excuse me,", "Hello there!"),
    *("Good day,", "Hey!", "Hello, I need help.", "Can you help me?", "Greetings.", "I have a <wish|question>."),
)
CLOSINGS = (
    *("Thanks.", "Thank you.", "Please go ahead.", "Yes, I am sure.", "Go ahead at once, please.", "Thanks a lot."),
    *("Many thanks.", "I hope that works.", "You have my consent.", "No need to ask again.", "That is all."),
)
BY_NAME = (
    "My name is $first $last and my zip code is $zip.",
    "I am $first $last, zip $zip.",
    "This is $first $last from $zip.",
    "$first $last here, zip code $zip.",
    "You can find me as $first $last, $zip.",
    "The name is $first $last, the zip code $zip.",
    "I live in $zip and my name is $first $last.",
    "It is $first $last, living in $zip.",
    "My account is in the name of $first $last, zip code $zip.",
    "For your records: $first $last, $zip.",
    "Name: $first $last. Zip: $zip.",
    "I go by $first $last, and my zip is $zip.",
    "You know me as $first $last with the zip code $zip.",
    "Zip code $zip, name $first $last.",
    "Look me up: $first $last, zip $zip.",
    "The customer is $first $last, and the zip is $zip.",
    "I am registered as $first $last at $zip.",
    "People call me $first $last, my zip code is $zip.",
    "My zip code is $zip, my name $first $last.",
    "I have an account as $first $last in $zip.",
    "$first $last, $zip.",
    "Please look for $first $last with zip $zip.",
    "The account of $first $last in $zip is mine.",
    "I bought it as $first $last, and I live in $zip.",
    "Writing to you is $first $last of $zip.",
    "My details: first name $first, last name $last, zip $zip.",
    "I am your customer $first $last, my zip is $zip.",
    "In your files I am $first $last, zip code $zip.",
    "With the zip code $zip you will find $first $last, that is me.",
    "First name $first, last name $last, and $zip is the zip code.",
)
BY_EMAIL = (
    "My e-mail address is $email .",
    "You can find me by $email .",
    "I am registered with $email .",
    "My account belongs to $email .",
    "E-mail: $email .",
    "Look me up by $email , please.",
    "I use $email with you.",
    "The address of my account is $email .",
    "You write to me at $email .",
    "I signed up as $email .",
    "I am $email .",
    "The e-mail on my account is $email .",
    "For your records, $email is my e-mail.",
    "My mail is $email .",
    "Please search for $email .",
    "$email is what I am known by.",
    "The account is that of $email .",
    "I log in with $email .",
    "You have me as $email .",
    "My login is $email .",
    "I shop with you as $email .",
    "The customer's e-mail is $email .",
    "It was bought with $email .",
    "You will find me under $email .",
    "$email is my e-mail address.",
)
CANCEL = (
    "I want to cancel order $order. $why",
    "Please cancel $order. $why",
    "Cancel my order $order, please. $why",
    "I would like order $order to be cancelled. $why",
    "Can you cancel $order for me? $why",
    "$why So please cancel order $order.",
    "About order $order: $why Please cancel it.",
    "There is an order $order that I want cancelled. $why",
    "Could you call off order $order? $why",
    "I have to cancel the order $order. $why",
    "$why Can order $order still be cancelled?",
    "My order $order should be cancelled. $why",
    "I do not want order $order any more, cancel it. $why",
    "Would you cancel the order with the number $order? $why",
    "$why That is order $order, which you should cancel.",
    "Order $order: cancel it, please. $why",
    "I need you to cancel $order. $why",
    "Please stop order $order and cancel it. $why",
    "I am writing to cancel $order. $why",
    "Is it possible to cancel order $order? $why",
    "I changed my mind about $order, please cancel. $why",
    "It is about cancelling order $order. $why",
    "Kindly cancel my purchase $order. $why",
    "$why The order to cancel is $order.",
    "I wish to cancel what I ordered as $order. $why",
)
NOT_NEEDED = (
    "I no longer need it.",
    "It is no longer needed.",
    "I do not need it any longer.",
    "I need it no longer.",
    "There is no need for it now.",
    "I found that I do not need it.",
    "We no longer have a need for it.",
    "It is not needed any more.",
    "I have no need of it any more.",
    "Nobody here needs it now.",
)
BY_MISTAKE = (
    "I ordered it by mistake.",
    "It was a mistake.",
    "I bought it by mistake.",
    "It was ordered by mistake.",
    "I made a mistake when I ordered.",
    "That order was a mistake of mine.",
    "By mistake I ordered the wrong thing.",
    "I pressed the button by mistake.",
    "Ordering that was a mistake.",
    "I did not mean to order it, it was a mistake.",
)
RETURN = (
    "I want to return the item $item of order $order.",
    "Please take back item $item from order $order.",
    "I would like to send back $item, which came with order $order.",
    "Can I return item $item? It belongs to order $order.",
    "From order $order I want to return $item.",
    "Order $order came, and I want to give back item $item.",
    "I am not happy with item $item of $order and want to return it.",
    "Return item $item of my order $order, please.",
    "The item $item in order $order should go back.",
    "I need to return something from $order: item $item.",
    "It is about order $order. I want to send item $item back.",
    "Could you arrange a return of $item, order $order?",
    "Item $item of order $order does not suit me, I return it.",
    "How about a return? Order $order, item $item.",
    "I have to return $item. The order is $order.",
    "With order $order I got item $item, which I want to return.",
    "Please let me return the item with the number $item from $order.",
    "My order is $order and the item to return is $item.",
    "I wish to give $item back. It was part of order $order.",
    "Take item $item back, it is from my order $order.",
    "I did not like $item. Let me return it, the order was $order.",
    "For order $order, a return of item $item, please.",
    "Would you take back the item $item that I got with $order?",
    "Sending back item $item of order $order is what I want.",
    "A return, please: $item from $order.",
)
ADDRESS = (
    "Please send order $order to $address instead.",
    "I moved. Order $order should go to $address.",
    "Change the address of order $order to $address.",
    "My order $order must be shipped to $address.",
    "Can you ship $order to $address?",
    "The new address for order $order is $address.",
    "I want order $order delivered to $address.",
    "For order $order I have another address: $address.",
    "Could order $order go to $address, please?",
    "Order $order has the wrong address, it should be $address.",
    "I need the address of $order to be $address.",
    "Please update the address of my order $order. It is now $address.",
    "The address of order $order is wrong. Use $address.",
    "I would like $order to be sent to $address.",
    "Deliver my order $order to this address: $address.",
    "I live somewhere else now, so send $order to $address.",
    "Ship to $address what I ordered as $order.",
    "$address is where order $order should go.",
    "It is about the address of order $order: make it $address.",
    "There is a new address for $order, namely $address.",
    "We have moved to $address, please change order $order.",
    "Would you change where $order is sent? To $address.",
    "Set the address of order $order to $address, please.",
    "I gave the wrong address for $order. The right one is $address.",
    "Redirect order $order to $address.",
)
PLACES = (
    "$address1, $address2, $city, $state, $zip, $country",
    "$address1, $address2, in $city, $state $zip, $country",
    "$address1 ($address2), $city $state $zip, $country",
)
_ALTERNATIVES = re.compile(r"<([^<>]*)>")
_SLOT = re.compile(r"\$([a-z]+\d?)")


def of_split(frames: Sequence[str], split: Split) -> Sequence[str]:
    """Of every ten frames, the fifth and the last are for the test, the seventh is for choosing a step."""
    return [frame for place, frame in enumerate(frames) if _split_of(place) == split]


def said(frames: Sequence[str], slots: Mapping[str, str], chance: Random, *, noise: float = 0.0) -> str:
    """One of the frames, with its slots filled; a share of its words is left out, or has another beside it."""
    text = _ALTERNATIVES.sub(lambda found: chance.choice(found[1].split("|")), chance.choice(frames))
    if noise:
        text = " ".join(part for word in text.split(" ") for part in _noisy(word, noise, chance))
    return _SLOT.sub(lambda found: slots[found[1]], text)


def _noisy(word: str, noise: float, chance: Random) -> Sequence[str]:
    if not word.isalpha() or not word.islower() or chance.random() >= noise:
        return (word,)
    return chance.choice(((), (_any_word(chance),), (word, _any_word(chance))))


def _any_word(chance: Random) -> str:
    return chance.choice(_words())


@cache
def _words() -> Sequence[str]:
    """All that frames to learn from are made of."""
    frames = (GREETINGS, CLOSINGS, BY_NAME, BY_EMAIL, CANCEL, RETURN, ADDRESS)
    said = (word for listed in frames for frame in of_split(listed, "train") for word in frame.split(" "))
    return sorted({word for word in said if word.isalpha() and word.islower()})


def _split_of(place: int) -> Split:
    return "test" if place % 5 == 4 else "dev" if place % 10 == 6 else "train"
