"""Expands the SAM template into plain CloudFormation, as AWS does at deployment: what is linted, tested and given to the emulator.

Reads infra/template.yaml, writes JSON to the path given, or to standard output. Touches no account and no network.
"""

import json
import re
import sys
from pathlib import Path

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parent / "template.yaml"


class Session:
    """What the translator asks a session of the AWS SDK for."""

    region_name = "us-east-1"


def kebab(resource):
    """A resource's name as folders and queues are named: ChunkWorker -> chunk-worker."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", resource).lower()


def transform(text, code_bucket="code"):
    """Gives the expanded template, with code locations as `sam package` writes them, since the translator takes no local
    folders. No managed policies are offered: every role is written out in the template."""
    template = yaml_parse(text)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{code_bucket}/{name}.zip"
    return Translator({}, Parser(), boto_session=Session()).translate(template, {})


def main():
    expanded = json.dumps(transform(TEMPLATE.read_text()), indent=1)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(expanded)
    else:
        print(expanded)


if __name__ == "__main__":
    main()
