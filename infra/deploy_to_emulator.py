"""Deploys the template to the AWS emulator of the tests, and prints the stack's outputs as JSON.

    target/tools/emulator/bin/python infra/deploy_to_emulator.py --endpoint http://127.0.0.1:4566 --stack e2e --zips FOLDER

FOLDER holds a zip a function, named after its folder: api.zip, chunk-worker.zip, ... Each is what `cargo lambda build
--output-format zip` makes: one executable, `bootstrap`. A stack of the name that exists already is updated.

Names are given rather than drawn, so that tests and infra/local.env know them: tables `STACK-journal`, functions
`STACK-chunk-worker`, the bucket `millrace-STACK`. The emulator does not know every resource. What it lacks is taken out here,
and only here: see `adapt`.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config

from transform import TEMPLATE, kebab, transform

REGION = "us-east-1"
ACCOUNT = "000000000000"
# Resources the emulator refuses to create, and what each would be for.
UNKNOWN = {
    "AWS::S3Vectors::VectorBucket": "vectors; tests that need them bring a stand-in of their own",
    "AWS::Events::Archive": "replays of the bus; nothing at run time depends on it",
}
# An ARN in the place of those that are left out, for whoever refers to them.
ARNS = {"VectorBucket": f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/millrace-vectors"}
# On AWS the permission for a call is that for its batch form, too; the emulator looks for an action of the batch's name.
BATCHED = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
DEADLINE_SECONDS = 120
POLL_SECONDS = 0.2


def is_unknown(resource):
    """Whether the emulator refuses it; alarms on a formula (error rates) are refused, too."""
    return resource["Type"] in UNKNOWN or (
        resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    )


def adapt(template, stack, variables):
    """The expanded template as the emulator takes it. Variables are for the function before the colon in their name, or for
    all."""
    gone = {name for name, resource in template["Resources"].items() if is_unknown(resource)}
    resources = {name: resource for name, resource in template["Resources"].items() if name not in gone}
    for name, resource in list(resources.items()):
        if not allow_without_tls(resource):
            del resources[name]
    for name, resource in resources.items():
        # Test stacks come and go.
        resource.pop("UpdateReplacePolicy", None)
        resource["DeletionPolicy"] = "Delete"
        if resource["Type"] == "AWS::IAM::Role":
            allow_batches(resource)
        if resource["Type"] == "AWS::DynamoDB::Table":
            resource["Properties"]["TableName"] = f"{stack}-{kebab(name.removesuffix('Table'))}"
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["FunctionName"] = f"{stack}-{kebab(name)}"
            environment = resource["Properties"].setdefault("Environment", {}).setdefault("Variables", {})
            for variable, value in variables.items():
                function, _, variable = variable.rpartition(":")
                if function in ("", kebab(name)):
                    environment[variable] = value
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            # Parameters are text to the emulator, and it compares this one with a number.
            scaling = resource["Properties"].get("ScalingConfig", {})
            parameter = scaling.get("MaximumConcurrency", 0)
            if isinstance(parameter, dict) and "Ref" in parameter:
                scaling["MaximumConcurrency"] = int(template["Parameters"][parameter["Ref"]]["Default"])
    return without({**template, "Resources": resources}, stack, gone)


def allow_batches(role):
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement.get("Action", [])
            actions = [actions] if isinstance(actions, str) else actions
            if any(action in BATCHED for action in actions):
                statement["Action"] = actions + [f"{action}Batch" for action in actions if action in BATCHED]


def allow_without_tls(resource):
    """Takes out of the policies of queues and buckets what refuses calls without TLS, which the emulator does not speak.
    False if nothing is left of the policy."""
    document = resource["Properties"].get("PolicyDocument")
    if resource["Type"] not in ("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        return True
    document["Statement"] = [statement for statement in document["Statement"] if statement["Sid"] != "OnlyOverTls"]
    return bool(document["Statement"])


def without(node, stack, gone):
    """The node with references to resources that are left out replaced by an ARN, and the bucket named after the stack rather
    than after its id."""
    if isinstance(node, list):
        return [without(child, stack, gone) for child in node]
    if not isinstance(node, dict):
        return node
    attribute = node.get("Fn::GetAtt")
    if attribute and attribute[0] in gone:
        return ARNS[attribute[0]]
    substituted = node.get("Fn::Sub")
    if isinstance(substituted, list) and "Id" in substituted[1]:
        return {"Fn::Sub": substituted[0].replace("${Id}", stack)}
    if isinstance(substituted, str):
        for name in gone & ARNS.keys():
            substituted = substituted.replace("${%s.VectorBucketArn}" % name, ARNS[name])
        return {"Fn::Sub": substituted}
    return {key: without(child, stack, gone) for key, child in node.items()}


class Emulator:
    """The services of an endpoint."""

    def __init__(self, endpoint, access_key):
        self.options = dict(
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
        )

    def client(self, service):
        return boto3.client(service, **self.options)

    def upload(self, bucket, zips, functions):
        """Puts each function's zip where the template looks for it."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=bucket)
        for name, folder in functions.items():
            s3.upload_file(str(zips / f"{folder}.zip"), bucket, f"{name}.zip")

    def deploy(self, stack, template, parameters):
        """Creates or updates the stack, waits, gives its outputs."""
        cloudformation = self.client("cloudformation")
        # A template of this size is handed over as an object, as on AWS.
        bucket = f"{stack}-template".lower()
        s3 = self.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(template).encode())
        request = dict(
            StackName=stack,
            TemplateURL=f"{self.options['endpoint_url']}/{bucket}/template.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        if exists(cloudformation, stack):
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
        return wait(cloudformation, stack)


def exists(cloudformation, stack):
    try:
        cloudformation.describe_stacks(StackName=stack)
        return True
    except cloudformation.exceptions.ClientError:
        return False


def wait(cloudformation, stack):
    """Waits until the stack is complete; says which resources failed if it does not become so."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        status = found["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        if status.endswith(("FAILED", "ROLLBACK_COMPLETE")):
            break
        time.sleep(POLL_SECONDS)
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    ]
    sys.exit(f"stack {stack} is {status}\n" + "\n".join(failed))


def pairs(texts):
    return dict(text.split("=", 1) for text in texts)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--endpoint", required=True, help="of the emulator, http://host:port")
    arguments.add_argument("--stack", required=True, help="name of the stack")
    arguments.add_argument("--zips", required=True, type=Path, help="folder with a zip for each function")
    arguments.add_argument("--access-key", default="test", help="a 12-digit one is an account of its own")
    arguments.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    arguments.add_argument(
        "--variable",
        action="append",
        default=[],
        metavar="[FUNCTION:]NAME=VALUE",
        help="for every function, or for one",
    )
    given = arguments.parse_args()

    emulator = Emulator(given.endpoint, given.access_key)
    bucket = f"{given.stack}-code".lower()
    expanded = transform(TEMPLATE.read_text(), code_bucket=bucket)
    functions = {
        name: kebab(name)
        for name, resource in expanded["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    emulator.upload(bucket, given.zips, functions)
    # The emulator runs the executables of this machine.
    parameters = {"Architecture": "x86_64", "DeletionProtection": "false", **pairs(given.parameter)}
    outputs = emulator.deploy(given.stack, adapt(expanded, given.stack, pairs(given.variable)), parameters)
    print(json.dumps(outputs, indent=1))


if __name__ == "__main__":
    main()
