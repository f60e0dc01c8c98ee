"""A fixture of pytest: a cloud for a test, whose clock, faults and state the test controls."""
import json
import os
import re
import subprocess
import urllib.request

import openstack
import pytest


class Cloud:
    """A cloud with a clock that stands still."""

    def __init__(self, environment, process):
        self.environment, self.process = environment, process
        self.connection = self.connect()

    def connect(self):
        """Returns a connection of openstacksdk for the user demo."""
        e = self.environment
        return openstack.connect(
            auth_url=e["OS_AUTH_URL"], username=e["OS_USERNAME"], password=e["OS_PASSWORD"], project_name=e["OS_PROJECT_NAME"],
            user_domain_id="default", project_domain_id="default", region_name=e["OS_REGION_NAME"], load_yaml_config=False, load_envvars=False)

    def ask(self, method, path, body=None):
        """Sends a request to the API of the harness."""
        request = urllib.request.Request(
            self.environment["HARNESS_URL"] + path, method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def advance(self, by):
        """Moves the clock, and returns when all is quiet."""
        return self.ask("POST", "/clock/advance", {"by": by})

    def fault(self, **rule):
        """Sets a fault: match, and one of answer, job and store."""
        return self.ask("POST", "/faults", [rule])[0]["id"]


@pytest.fixture(scope="session")
def process():
    """Starts one cloud for all tests."""
    read, write = os.pipe()
    with subprocess.Popen(["cindergate", "harness", "--now", "2026-01-01T00:00:00Z", "--ready-fd", str(write)], pass_fds=[write]) as running:
        os.close(write)
        with os.fdopen(read) as ready:
            environment = dict(re.findall(r"\b([A-Z_]+)=(\S+)", ready.read()))
        yield Cloud(environment, running)
        running.terminate()


@pytest.fixture
def cloud(process):
    """Returns an empty cloud for a test."""
    process.ask("POST", "/reset")
    process.connection = process.connect()
    return process
