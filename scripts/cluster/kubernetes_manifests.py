#!/usr/bin/env python3
"""Holds our Kubernetes manifests against the schemas of those who read them, without a cluster.

    kubernetes_manifests.py [FILE ...] [--jobset-crd CRD.json]

Without files: the manifests of tests/golden/kubernetes, which unit tests hold against what the program renders.

* Job, Service and Secret: the schemas of several versions of Kubernetes, strictly (package kubernetes-validate).
* JobSet, TrainJob, TrainingRuntime: the models that their projects make from their OpenAPI (package
  kubeflow-trainer-api, which has JobSet's, too). They drop what they do not know, so that whatever a model does not
  give back as it was given is an error; the job inside goes through Kubernetes' own schema as well. With
  --jobset-crd also the CRD itself, as `kubectl get crd jobsets.jobset.x-k8s.io -o json` prints it.
* Some rules that the API server checks beyond its schemas, and enumerations that the models have as text.

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
from kubeflow_trainer_api.models import JobsetV1alpha2JobSet, TrainerV1alpha1TrainingRuntime, TrainerV1alpha1TrainJob
from pydantic import ValidationError

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/kubernetes"

# From the oldest that has `successPolicy` of Jobs switched on to the newest that the package knows.
VERSIONS = ["1.31", "1.34", "1.37"]

# The kinds that are no part of Kubernetes, and whose version of the API a manifest must name.
MODELS = {
    "JobSet": ("jobset.x-k8s.io/v1alpha2", JobsetV1alpha2JobSet),
    "TrainingRuntime": ("trainer.kubeflow.org/v1alpha1", TrainerV1alpha1TrainingRuntime),
    "TrainJob": ("trainer.kubeflow.org/v1alpha1", TrainerV1alpha1TrainJob),
}

# What JobSet's CRD enumerates, in the versions that are released; why a Job may have failed.
ACTIONS = ["FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts"]
REASONS = ["BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes", "MaxFailedIndexesExceeded", "PodFailurePolicy"]


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
        self.crd = strict(crd_schema(jobset_crd)) if jobset_crd else None

    def manifest(self, manifest: dict) -> list[str]:
        """What is wrong with it."""
        kind = manifest["kind"]
        if kind in ("Job", "Service", "Secret"):
            errors = builtin(manifest)
            return errors + (job_rules(manifest["spec"]) if kind == "Job" and not errors else [])
        errors = model_errors(manifest)
        if kind == "JobSet":
            if self.crd:
                errors += schema_errors(manifest, self.crd)
            errors += [] if errors else jobset_rules(manifest["spec"])
            return errors + ([] if errors else self.inner_jobs(manifest["metadata"], manifest["spec"]))
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


def model_errors(manifest: dict) -> list[str]:
    """What the project's own model refuses, drops or changes."""
    if manifest["kind"] not in MODELS:
        return [f"nothing is known of the kind {manifest['kind']}"]
    version, model = MODELS[manifest["kind"]]
    if manifest["apiVersion"] != version:
        return [f"apiVersion is {manifest['apiVersion']}, not {version}"]
    try:
        kept = model.from_dict(manifest).to_dict()
    except ValidationError as error:
        return [f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors()]
    return list(changed(manifest, kept, ""))


def changed(given, kept, path: str):
    """Where `kept` is not what was given."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from changed(value, kept[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is unknown"
        # Where a key is required and missing, a model puts an empty text; defaults of the API are none.
        yield from (f"{path}.{key} is missing" for key in kept if key not in given and kept[key] == "")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, (value, other) in enumerate(zip(given, kept)):
            yield from changed(value, other, f"{path}[{index}]")
    elif given != kept or type(given) is not type(kept):
        yield f"{path} becomes {kept!r}"[:200]


def jobset_rules(spec: dict) -> list[str]:
    """What JobSet's CRD enumerates, and its models take as any text."""
    errors = []
    if spec.get("successPolicy", {}).get("operator", "All") not in ("All", "Any"):
        errors.append(f"no operator: {spec['successPolicy']['operator']}")
    for rule in spec.get("failurePolicy", {}).get("rules", []):
        if rule["action"] not in ACTIONS:
            errors.append(f"no action: {rule['action']}")
        errors += [f"no reason: {it}" for it in rule.get("onJobFailureReasons", []) if it not in REASONS]
    names = [job["name"] for job in spec["replicatedJobs"]]
    targets = spec.get("successPolicy", {}).get("targetReplicatedJobs", [])
    errors += [f"no replicated job `{it}`" for it in targets if it not in names]
    for index, job in enumerate(spec["replicatedJobs"]):
        for before in job.get("dependsOn", []):
            if before["name"] not in names[:index] or before["status"] not in ("Ready", "Complete"):
                errors.append(f"`{job['name']}` cannot wait for {before}")
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
    yield broken("a label is a number", lambda it: it["metadata"]["labels"].update(team=7))
    if kind == "TrainJob":
        yield broken("the runtime has no name", lambda it: it["spec"]["runtimeRef"].pop("name"))
        yield broken("the number of nodes is text", lambda it: it["spec"]["trainer"].update(numNodes="2"))
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
    yield broken("exit codes are not ordered", with_job(lambda it: it["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"].append(1)))
    yield broken("an exit code is text", with_job(lambda it: it["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"].insert(0, "64")))
    yield broken("the pod is restarted in place", with_job(lambda it: it[pod[0]][pod[1]].update(restartPolicy="OnFailure")))
    yield broken("a mount has no volume", with_job(lambda it: it[pod[0]][pod[1]]["volumes"].pop()))
    yield broken("a container has no name", with_job(lambda it: it[pod[0]][pod[1]]["containers"][0].pop("name")))
    yield broken("memory for /dev/shm is misspelt", with_job(lambda it: it[pod[0]][pod[1]]["volumes"][-1]["emptyDir"].update(sizelimit="1Gi")))
    if kind in ("JobSet", "TrainingRuntime"):
        jobset = (lambda it: it["spec"]) if kind == "JobSet" else (lambda it: it["spec"]["template"]["spec"])
        yield broken("an action is unknown", lambda it: jobset(it)["failurePolicy"]["rules"][0].update(action="FailJob"))
        yield broken("a reason is unknown", lambda it: jobset(it)["failurePolicy"]["rules"][0].update(onJobFailureReasons=["ExitCode"]))
        if "dependsOn" in jobset(manifest)["replicatedJobs"][-1]:
            yield broken("a job waits for one behind it", lambda it: jobset(it)["replicatedJobs"].reverse())
            yield broken("a job waits for what no job becomes", lambda it: jobset(it)["replicatedJobs"][-1]["dependsOn"][0].update(status="Done"))
        yield broken("a rule has no name", lambda it: jobset(it)["failurePolicy"]["rules"][0].pop("name"))
        yield broken("success is another job's", lambda it: jobset(it)["successPolicy"].update(targetReplicatedJobs=["x"]))
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
