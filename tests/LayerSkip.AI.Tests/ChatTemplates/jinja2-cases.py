"""Fills in what jinja2 prints for each template of jinja2-cases.json, set up as Hugging Face transformers sets it up.

To add a case, add its template with an empty "expected" and run:  pip install jinja2==3.1.6 && python jinja2-cases.py
A case that jinja2 refuses gets "expected": null.
"""

import datetime
import json
import pathlib

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

PATH = pathlib.Path(__file__).with_suffix(".json")


class Generation(Extension):
    """{% generation %}: renders its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise ValueError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
)
environment.filters["tojson"] = to_json
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = datetime.datetime(2024, 7, 26, 15, 4, 5).strftime

file = json.loads(PATH.read_text(encoding="utf-8"))
for case in file["cases"]:
    try:
        case["expected"] = environment.from_string(case["template"]).render(**json.loads(json.dumps(file["context"])))
    except Exception:  # whatever jinja2 or Python says: the case is an error
        case["expected"] = None
PATH.write_text(json.dumps(file, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
