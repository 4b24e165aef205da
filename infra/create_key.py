#!/usr/bin/env python3
"""Makes an API key of a deployed stack: prints the secret, once, and stores its hash in the settings table.

    infra/create_key.py --table NAME --tenant acme --label "search team"

The table's name is `SettingsTable` in the outputs of the stack. Needs the AWS CLI and permission for dynamodb:PutItem on
that table; with --print it writes the item to standard output instead, for whoever stores it another way.
"""

import argparse
import hashlib
import json
import re
import secrets
import subprocess
import sys
from datetime import datetime, timezone

TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def item_of(secret, tenant, label, now):
    """The item as shared/adapters-aws/src/dynamodb/setting_item.rs writes and reads it."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    created_at = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z"
    setting = {"secret_sha256": digest, "tenant_id": tenant, "label": label, "created_at": created_at}
    return {
        "pk": {"S": f"api-key#{digest}"},
        "sk": {"S": "api-key"},
        "setting": {"S": json.dumps(setting)},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", help="name of the settings table")
    parser.add_argument("--tenant", default="default", help="whose requests the key makes")
    parser.add_argument("--label", default="", help="what to call it")
    parser.add_argument("--print", action="store_true", dest="only_print", help="store nothing, print the item too")
    arguments = parser.parse_args()
    if not TENANT.fullmatch(arguments.tenant):
        parser.error("--tenant takes 1 to 64 lower-case letters, digits, hyphens and underscores")
    if not arguments.table and not arguments.only_print:
        parser.error("--table is needed, or --print")

    secret = f"mr_{secrets.token_hex(32)}"
    item = json.dumps(item_of(secret, arguments.tenant, arguments.label, datetime.now(timezone.utc)))
    if arguments.only_print:
        print(item)
    else:
        put = ["aws", "dynamodb", "put-item", "--table-name", arguments.table, "--item", item]
        try:
            stored = subprocess.run([*put, "--condition-expression", "attribute_not_exists(pk)"], check=False)
        except FileNotFoundError:
            sys.exit("the AWS CLI (aws) is not installed; --print gives the item to store another way")
        if stored.returncode != 0:
            sys.exit("the key was not stored, see above; nothing was made")
    print(secret)


main()
