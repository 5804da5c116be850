"""The keys of a cell, from keys.json: one line a key, and the only place that lists them. C has them as keys.h, which this program
writes when the tree is configured; the report, its page and the programs of trials in Python read the file through this module.

    name     as in name=value                      type      text, count (a whole number) or seed (a large one)
    bytes    text: of its array, with its NUL      min, max  count: bounds; 0 where none is given
    initial  what it is when nobody set it; without one, what follows from other keys (rules.c)
    default  the same as words for people          about     one line for people
    words    text: the words that it may be, each with its meaning; without any, check_NAME in cell.c decides
    axis     does it tell cells apart? The others say how long a trial lasts
    newer    an axis that the first results files and programs do not have: 0 there
    wire     an axis that says over what the messages travel: a cell and its control agree in it
    raw      text that may be any bytes, as paths are

What the report does with an axis: `head` stands first in every cell's text, by its value alone; `told` is the text of others, which
appears where the value is greater than `untold` (a number), or another (text). Axes with neither do not tell a report's cells apart.
`title`: the page offers a choice. `special`: a cell that has it set does not stand for its transport, serializer and payload.
"""
import json
import os
import sys

PLACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keys.json")


def read(place=PLACE):
    with open(place, encoding="utf-8") as file:
        return json.load(file)


KEYS = read()
AXES = [key for key in KEYS if key.get("axis")]
TOLD = [key for key in AXES if "head" in key or "told" in key]  # the report's
NUMBERS = [key["name"] for key in KEYS if key["type"] != "text"]


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def c_row(key):
    traits = " | ".join(f"LAB_KEY_{trait.upper()}" for trait in ("axis", "newer") if key.get(trait)) or "0"
    initial = key.get("initial", "" if key["type"] == "text" else 0)
    check = "NULL" if key["type"] != "text" else "check_word" if "words" in key else f"check_{key['name']}"
    return (f"    KEY({key['type'].upper()}, {key['name']}, {key.get('bytes', 0)}, {key.get('min', 0)}, {key.get('max', 0)}, "
            f"{quoted(initial)}, {traits}, {check}, {quoted(key['default'])}, {quoted(key['about'])})")


def header(keys):
    """keys.h as text."""
    words = [f"    WORD({quoted(key['name'])}, {quoted(word)}, {quoted(text)})"
             for key in keys for word, text in key.get("words", {}).items()]
    return ("/* Made from keys.json by keys.py, which says what a key consists of. */\n#ifndef CELL_KEYS_H\n#define CELL_KEYS_H\n\n"
            "/* KEY(type, name, bytes, min, max, initial, traits, check, default, about) */\n#define LAB_CELL_KEYS(KEY) \\\n"
            + " \\\n".join(map(c_row, keys)) + "\n\n/* WORD(key, word, meaning) */\n#define LAB_CELL_WORDS(WORD) \\\n"
            + " \\\n".join(words) + "\n\n#endif\n")


if __name__ == "__main__":
    with open(sys.argv[2], "w", encoding="utf-8") as output:
        output.write(header(read(sys.argv[1])))
