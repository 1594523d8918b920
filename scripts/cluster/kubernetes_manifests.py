#!/usr/bin/env python3
"""Holds our Kubernetes manifests against the schemas of those who read them, without a cluster.

    kubernetes_manifests.py [FILE ...] [--jobset-crd CRD.json]

Without files: the manifests of tests/golden/kubernetes, which unit tests hold against what the program renders.

* Job, Service and Secret: the schemas of several versions of Kubernetes, strictly (package kubernetes-validate).
* JobSet, TrainJob, TrainingRuntime: transcriptions of their documented fields (tests/fixtures/kubernetes/), in
  which unknown keys are errors; the job inside goes through Kubernetes' own schema. With --jobset-crd also the
  CRD itself, as `kubectl get crd jobsets.jobset.x-k8s.io -o json` prints it.
* Some rules that the API server checks beyond its schemas.

Afterwards each manifest is broken in known ways, and each break must be found. What no schema says (admission,
quotas, CEL rules of CRDs) only a cluster can: `kubectl apply --dry-run=server -f RUN/submit/`.

Needs the environment of scripts/reference/setup.sh. Exit code 0: all are right, and every break was found.
"""

import argparse
import copy
import json
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures/kubernetes"
GOLDEN = ROOT / "tests/golden/kubernetes"

# From the oldest that has `successPolicy` of Jobs switched on to the newest that the package knows.
VERSIONS = ["1.31", "1.34", "1.37"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--jobset-crd", type=Path)
    arguments = parser.parse_args()
    files = arguments.files or sorted(GOLDEN.glob("*.json"))
    if not files:
        sys.exit(f"there is no manifest in {GOLDEN}")
    check = Check(json.loads(arguments.jobset_crd.read_text()) if arguments.jobset_crd else None)
    wrong, found = 0, 0
    for file in files:
        manifest = json.loads(file.read_text())
        errors = check.manifest(manifest)
        wrong += bool(errors)
        print(f"{file.name}: {manifest['kind']}: {'; '.join(errors) or 'right'}")
        for name, broken in breaks(manifest):
            if check.manifest(broken):
                found += 1
            else:
                wrong += 1
                print(f"{file.name}: nobody minds that {name}")
    print(f"{len(files)} manifests, {found} breaks found, {wrong} wrong")
    if wrong or not found:
        sys.exit(1)


class Check:
    """What is known of the kinds."""

    def __init__(self, jobset_crd: dict | None) -> None:
        self.jobset = json.loads((FIXTURES / "jobset.schema.json").read_text())
        self.kubeflow = json.loads((FIXTURES / "kubeflow.schema.json").read_text())["$defs"]
        self.crd = strict(crd_schema(jobset_crd)) if jobset_crd else None

    def manifest(self, manifest: dict) -> list[str]:
        """What is wrong with it."""
        kind = manifest["kind"]
        if kind in ("Job", "Service", "Secret"):
            errors = builtin(manifest)
            return errors + (job_rules(manifest["spec"]) if kind == "Job" and not errors else [])
        if kind == "JobSet":
            errors = schema_errors(manifest, self.jobset)
            if self.crd:
                errors += schema_errors(manifest, self.crd)
            return errors + ([] if errors else self.inner_jobs(manifest["metadata"], manifest["spec"]))
        errors = schema_errors(manifest, self.kubeflow[kind])
        if kind == "TrainingRuntime" and not errors:
            spec = manifest["spec"]["template"]["spec"]
            jobset = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet"}
            errors = self.manifest({**jobset, "metadata": manifest["metadata"], "spec": spec})
        return errors

    @staticmethod
    def inner_jobs(metadata: dict, spec: dict) -> list[str]:
        errors = []
        for job in spec["replicatedJobs"]:
            name = f"{metadata['name']}-{job['name']}-0"
            template = job["template"]
            inner = {"name": name, **template.get("metadata", {})}
            errors += builtin({"apiVersion": "batch/v1", "kind": "Job", "metadata": inner, "spec": template["spec"]})
            errors += [] if errors else job_rules(template["spec"])
            # Kubernetes adds a hyphen and five letters to the name of a pod, and its number to its host name.
            if len(name) + 6 > 63:
                errors.append(f"`{name}` is too long for pods")
        return errors


def builtin(manifest: dict) -> list[str]:
    errors = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            errors.append(f"{version}: {error}".splitlines()[0])
    return errors


def schema_errors(manifest: dict, schema: dict) -> list[str]:
    found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{'.'.join(map(str, error.path))}: {error.message}"[:200] for error in found]


def job_rules(spec: dict) -> list[str]:
    """What the API server checks of a Job beyond its schema, as far as ours has it."""
    errors = []
    pod = spec["template"]["spec"]
    containers = {it["name"]: it for it in pod["containers"]}
    volumes = {it["name"] for it in pod.get("volumes", [])}
    if "podFailurePolicy" in spec and pod.get("restartPolicy") != "Never":
        errors.append("podFailurePolicy needs restartPolicy Never")
    if "backoffLimitPerIndex" in spec and spec.get("completionMode") != "Indexed":
        errors.append("backoffLimitPerIndex needs completionMode Indexed")
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        errors.append("maxFailedIndexes needs backoffLimitPerIndex")
    for rule in spec.get("podFailurePolicy", {}).get("rules", []):
        codes = rule.get("onExitCodes", {})
        values = codes.get("values", [])
        if values != sorted(set(values)) or (codes.get("operator") == "In" and 0 in values):
            errors.append(f"exit codes {values} are not ordered, or hold 0")
        if codes.get("containerName", next(iter(containers))) not in containers:
            errors.append(f"no container `{codes['containerName']}`")
        if ("onExitCodes" in rule) == ("onPodConditions" in rule):
            errors.append("a rule needs either exit codes or conditions")
    for container in containers.values():
        mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        missing = {mount["name"] for mount in container.get("volumeMounts", [])} - volumes
        if missing or len(set(mounts)) != len(mounts):
            errors.append(f"mounts without a volume: {sorted(missing)}, or twice at a path: {mounts}")
        names = [variable["name"] for variable in container.get("env", [])]
        if len(set(names)) != len(names):
            errors.append(f"a variable is given twice: {names}")
    return errors


def breaks(manifest: dict):
    """The manifest, broken in one way each, with what was done to it."""

    def broken(name: str, change):
        other = copy.deepcopy(manifest)
        change(other)
        return name, other

    kind = manifest["kind"]
    yield broken("spec has an unknown key", lambda it: it.setdefault("spec", {}).update(surprise=1))
    if kind == "Service":
        yield broken("a port is a word", lambda it: it["spec"]["ports"][0].update(port="many"))
    spec = job_spec(manifest)
    if spec is None:
        return

    def with_job(change):
        return lambda it: change(job_spec(it))

    pod = ["template", "spec"]
    yield broken("completionMode is misspelt", with_job(lambda it: it.update(completionMod=it.pop("completionMode"))))
    yield broken("a condition lacks its status", with_job(lambda it: it["podFailurePolicy"]["rules"][1]["onPodConditions"][0].update(status=None)))
    yield broken("exit codes are not ordered", with_job(lambda it: it["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"].reverse()))
    yield broken("an exit code is text", with_job(lambda it: it["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"].insert(0, "64")))
    yield broken("the pod is restarted in place", with_job(lambda it: it[pod[0]][pod[1]].update(restartPolicy="OnFailure")))
    yield broken("a mount has no volume", with_job(lambda it: it[pod[0]][pod[1]]["volumes"].pop()))
    yield broken("a container has no name", with_job(lambda it: it[pod[0]][pod[1]]["containers"][0].pop("name")))
    yield broken("memory for /dev/shm is misspelt", with_job(lambda it: it[pod[0]][pod[1]]["volumes"][-1]["emptyDir"].update(sizelimit="1Gi")))
    if kind in ("JobSet", "TrainingRuntime"):
        jobset = (lambda it: it["spec"]) if kind == "JobSet" else (lambda it: it["spec"]["template"]["spec"])
        yield broken("an action is unknown", lambda it: jobset(it)["failurePolicy"]["rules"][0].update(action="FailJob"))
        yield broken("a reason is unknown", lambda it: jobset(it)["failurePolicy"]["rules"][0].update(onJobFailureReasons=["ExitCode"]))
        yield broken("the operator is missing", lambda it: jobset(it)["successPolicy"].pop("operator"))
        yield broken("DNS names are asked for with a typo", lambda it: jobset(it)["network"].update(enableDnsHostnames=True))


def job_spec(manifest: dict) -> dict | None:
    """The spec of the Job in a manifest, however deep."""
    spec = manifest.get("spec", {})
    if manifest["kind"] == "TrainingRuntime":
        spec = spec["template"]["spec"]
    if manifest["kind"] in ("JobSet", "TrainingRuntime"):
        return spec["replicatedJobs"][0]["template"]["spec"]
    return spec if manifest["kind"] == "Job" else None


def crd_schema(crd: dict) -> dict:
    versions = {version["name"]: version for version in crd["spec"]["versions"]}
    return versions["v1alpha2"]["schema"]["openAPIV3Schema"]


def strict(schema):
    """The schema with unknown keys as errors, and Kubernetes' own types in the words of JSON Schema."""
    if isinstance(schema, list):
        return [strict(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    # A whole object stands there, of which the CRD says nothing.
    if schema.get("type") == "object" and len(schema) == 1:
        schema.pop("additionalProperties", None)
    return schema


if __name__ == "__main__":
    main()
