"""Makes what the deployed functions work on, in the AWS emulator: the tables, queues, bucket and bus of infra/template.yaml,
under the names in infra/local.env; no functions, which the benchmark runs itself. Then writes a certificate for 127.0.0.1.

    target/tools/emulator/bin/python tests/bench/python/cold_start_resources.py --endpoint http://127.0.0.1:4566 --folder FOLDER

FOLDER gets certificate.pem and key.pem for a server, and trusted.pem: the system's authorities and that of the certificate, so
that a function reads as many as it would on Lambda.
"""

import argparse
import datetime
import ipaddress
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).parents[3] / "infra"))
from deploy_to_emulator import TEMPLATE, Emulator, adapt, transform  # noqa: E402

STACK = "local"
KINDS = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::Events::EventBus")
# Where systems keep their authorities in one file; the first is Amazon Linux's.
AUTHORITIES = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")


def resources(template):
    """The template with what holds data and nothing else."""
    kept = {name: resource for name, resource in template["Resources"].items() if resource["Type"] in KINDS}
    for resource in kept.values():
        resource.pop("DependsOn", None)
        # Nobody listens.
        resource["Properties"].pop("NotificationConfiguration", None)
    template.pop("Outputs", None)
    return {**template, "Resources": kept}


def signed(name, key, issuer, issuer_key, extension):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=False)
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    certificate = builder.not_valid_after(now + datetime.timedelta(days=2)).sign(issuer_key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def named(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def write_certificates(folder):
    """An authority and a server's certificate by it, with keys of the kind that AWS uses."""
    authority, authority_key = named("Millrace benchmark"), ec.generate_private_key(ec.SECP256R1())
    may_sign = x509.BasicConstraints(ca=True, path_length=0)
    trusted = signed(authority, authority_key, authority, authority_key, may_sign)
    key = ec.generate_private_key(ec.SECP256R1())
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    (folder / "certificate.pem").write_bytes(signed(named("server"), key, authority, authority_key, address))
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, plain))
    system = next((Path(path).read_bytes() for path in AUTHORITIES if Path(path).exists()), b"")
    (folder / "trusted.pem").write_bytes(system + b"\n" + trusted)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--endpoint", required=True, help="of the emulator, http://host:port")
    arguments.add_argument("--folder", required=True, type=Path, help="for the certificates")
    given = arguments.parse_args()
    template = resources(adapt(transform(TEMPLATE.read_text()), STACK, {}))
    parameters = {"Architecture": "x86_64", "DeletionProtection": "false"}
    Emulator(given.endpoint, "test").deploy(STACK, template, parameters)
    write_certificates(given.folder)


if __name__ == "__main__":
    main()
