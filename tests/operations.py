"""Checks what an operator deploys: the files that docker-compose.yml names exist, YAML and JSON parse, and every
metric that a dashboard or an alert asks for is one that the server registers.

Run by tests/run.sh hygiene; exits with 1 and one line for each finding.
"""

import json
import pathlib
import re
import sys

import yaml

METRIC = re.compile(r"\btickcast_([a-z_]+)\b")
# What a histogram adds to its name.
HISTOGRAM_PART = re.compile(r"_(bucket|sum|count)$")


def main():
    findings = list(compose_findings()) + list(metric_findings()) + list(dashboard_findings())
    for finding in findings:
        print(f"error: {finding}", file=sys.stderr)
    return 1 if findings else 0


def compose_findings():
    """Services without a way to tell that they work, and mounts of files that aren't there."""
    path = pathlib.Path("docker-compose.yml")
    compose = yaml.safe_load(path.read_text())
    for name, service in compose["services"].items():
        # The feed answers to nobody: its health is the age of the ticks.
        if "healthcheck" not in service and name != "simulate":
            yield f"{path}: {name}: has no healthcheck"
        for needed in service.get("depends_on", []):
            if needed not in compose["services"]:
                yield f"{path}: {name}: depends on {needed}, which is no service"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            known = pathlib.Path(source).exists() if source.startswith(".") else source in compose["volumes"]
            if not known:
                yield f"{path}: {name}: mounts {source}, which doesn't exist"
    ignored = pathlib.Path(".dockerignore").read_text().splitlines()
    for line in (line[1:] for line in ignored if line.startswith("!")):
        if not list(pathlib.Path().glob(line)):
            yield f".dockerignore: keeps {line}, which doesn't exist"
    kafka = re.search(r"<kafka.version>(.*)</kafka.version>", pathlib.Path("tests/kafka/pom.xml").read_text())[1]
    image = compose["services"]["kafka"]["image"]
    if image != f"apache/kafka:{kafka}":
        yield f"{path}: kafka: runs {image}, and tests/kafka/pom.xml tests against {kafka}"


def metric_findings():
    """Metrics that are asked for and that nobody registers."""
    sources = [pathlib.Path("src/metrics.rs"), *pathlib.Path("src/metrics").glob("*.rs")]
    registered = {name for source in sources for name in re.findall(r'"([a-z_]+)"', source.read_text())}
    for path in [*pathlib.Path("dashboards/grafana").rglob("*.json"), *pathlib.Path("dashboards").rglob("*.yml")]:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            for name in METRIC.findall(line):
                if name not in registered and HISTOGRAM_PART.sub("", name) not in registered:
                    yield f"{path}:{number}: tickcast_{name} is no metric of src/metrics.rs"


def dashboard_findings():
    """Panels that share an id or lie upon each other, and YAML that doesn't parse."""
    for path in pathlib.Path("dashboards").rglob("*.yml"):
        yaml.safe_load(path.read_text())
    for path in pathlib.Path("dashboards/grafana").rglob("*.json"):
        panels = json.loads(path.read_text())["panels"]
        ids, cells = set(), set()
        for panel in panels:
            at = panel["gridPos"]
            covered = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            if panel["id"] in ids or covered & cells or at["x"] + at["w"] > 24:
                yield f"{path}: panel {panel['id']} ({panel['title']}): its id or its place is taken"
            ids.add(panel["id"])
            cells |= covered


if __name__ == "__main__":
    sys.exit(main())
