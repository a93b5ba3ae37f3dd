#!/usr/bin/env python3
"""validate.py SCHEMA LINES: is each line what the API's schema says?

A line is NAME, a tab, and a JSON text; NAME is a definition of the schema.
Prints what is wrong; the status says whether anything is.
"""
import json
import sys

import jsonschema


def problem(validators, schema, name, text):
    """The first thing that is wrong with a text, or None."""
    if name not in schema["$defs"]:
        return "no such definition"
    if name not in validators:
        part = {"$ref": "#/$defs/" + name, "$defs": schema["$defs"]}
        validators[name] = jsonschema.Draft202012Validator(part)
    wrong = jsonschema.exceptions.best_match(
        validators[name].iter_errors(json.loads(text)))
    if wrong is None:
        return None
    return "%s: %s" % (wrong.json_path, wrong.message[:300])


def main(schema_path, lines_path):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validators, count, bad = {}, 0, 0
    with open(lines_path, encoding="utf-8") as file:
        for line in file:
            name, text = line.rstrip("\n").split("\t", 1)
            wrong = problem(validators, schema, name, text)
            count += 1
            if wrong is not None:
                bad += 1
                print("%s: %s\n  %s" % (name, wrong, text[:300]))
    print("%d texts, %d wrong" % (count, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
