"""serve_clients.py: what unmodified clients get from the daemon: Triton's HTTP client and plain
requests in the forms of MLflow and TensorFlow Serving, compared with the daemon's own API.
Arguments: address, key, folder with the sample rows. Run by test_serve_clients.sh."""
import csv
import json
import sys

import numpy as np
import requests
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

address, key, data = sys.argv[1:4]
auth = {"X-API-Key": key}  # copied for each call, because Triton's client writes into it
url = "http://" + address


def load(name, n):
    with open(f"{data}/{name}", newline="") as f:
        return [row for row, _ in zip(csv.DictReader(f), range(n))]


def typed(row, inputs):
    """The columns of the model, as the metadata says they are."""
    out = {}
    for t in inputs:
        text = row[t["name"]]
        out[t["name"]] = (text if t["datatype"] == "BYTES" else
                          text in ("1", "true") if t["datatype"] == "BOOL" else
                          int(float(text)) if t["datatype"] == "INT64" else float(text))
    return out


def post(path, body, expect=200, **headers):
    r = requests.post(url + path, headers=auth | headers, timeout=30,
                      **({"data": body} if isinstance(body, (str, bytes)) else {"json": body}))
    assert r.status_code == expect, (path, r.status_code, r.text)
    return r


def refused(what, status, call):
    try:
        call()
    except InferenceServerException as e:
        assert e.status() == str(status), (what, e.status(), e.message())
        return e.message()
    raise AssertionError(f"{what}: not refused")


# ---- Triton's client -------------------------------------------------------------------------
def tensors(rows, inputs, binary, types=None, flat=False):
    out = []
    for t in inputs:
        datatype = (types or {}).get(t["name"], t["datatype"])
        column = [r[t["name"]] for r in rows]
        if datatype == "BYTES":
            column = np.array([str(x).encode() for x in column], dtype=object)
        else:
            column = np.array(column, dtype=triton_to_np_dtype(datatype))
        column = column if flat else column.reshape(-1, 1)
        i = triton.InferInput(t["name"], list(column.shape), datatype)
        i.set_data_from_numpy(column, binary_data=binary)
        out.append(i)
    return out


def check_triton(model, rows, own, inputs):
    c = triton.InferenceServerClient(address)
    assert c.is_server_live() and c.is_server_ready()
    assert c.is_model_ready(model) and c.is_model_ready(model, "1")
    assert not c.is_model_ready("nothing")
    assert "binary_tensor_data" in c.get_server_metadata()["extensions"]
    index = c.get_model_repository_index(headers=dict(auth))
    assert {"name": model, "version": "1", "state": "READY", "reason": ""} in index
    config = c.get_model_config(model, headers=dict(auth))
    assert [i["name"] for i in config["input"]] == [i["name"] for i in inputs]
    want = [[p for p in r["probabilities"].values()] for r in own]
    for binary_in in (True, False):
        for binary_out in (True, False, None):
            outputs = None if binary_out is None else [
                triton.InferRequestedOutput(n, binary_data=binary_out)
                for n in ("prediction", "probabilities")]
            r = c.infer(model, tensors(rows, inputs, binary_in, flat=binary_in), outputs=outputs,
                        request_id="r1", headers=dict(auth))
            assert r.get_response()["id"] == "r1"
            assert r.get_response()["model_version"] == "1"
            assert r.as_numpy("probabilities").tolist() == want
            assert r.as_numpy("prediction").tolist() == [x["prediction"] for x in own]
    only = [triton.InferRequestedOutput("prediction")]
    r = c.infer(model, tensors(rows, inputs, True), outputs=only, model_version="1", headers=dict(auth))
    assert r.as_numpy("probabilities") is None
    # other types of numbers than the metadata names
    types = {t["name"]: "FP64" for t in inputs if t["datatype"] in ("INT64", "BOOL")}
    r = c.infer(model, tensors(rows, inputs, True, types), headers=dict(auth))
    assert r.as_numpy("probabilities").tolist() == want
    types = {t["name"]: "INT16" for t in inputs if t["datatype"] == "INT64"}
    r = c.infer(model, tensors(rows, inputs, True, types), headers=dict(auth))
    assert r.as_numpy("probabilities").tolist() == want
    stats = c.get_inference_statistics(model, headers=dict(auth))["model_stats"]
    assert sum(s["inference_count"] for s in stats) >= len(rows)

    good = tensors(rows, inputs, True)
    refused("no key", 403, lambda: c.infer(model, good))
    refused("wrong key", 401, lambda: c.infer(model, good, headers={"X-API-Key": "x"}))
    refused("no such model", 404, lambda: c.infer("nothing", good, headers=dict(auth)))
    assert inputs[-1]["name"] in refused(
        "a column is missing", 400, lambda: c.infer(model, good[:-1], headers=dict(auth)))
    refused("no such output", 400, lambda: c.infer(
        model, good, outputs=[triton.InferRequestedOutput("x")], headers=dict(auth)))
    refused("twice", 400, lambda: c.infer(model, good + good[:1], headers=dict(auth)))
    other = tensors(rows[:1], inputs, True)
    refused("rows differ", 400, lambda: c.infer(model, good[:-1] + other[-1:], headers=dict(auth)))
    refused("role", 403, lambda: c.load_model(model, headers=dict(auth)))


def check_matrix(model, inputs, rows):
    """All columns as one tensor: a model whose inputs are all numbers."""
    c = triton.InferenceServerClient(address)
    names = [t["name"] for t in inputs]
    own = post(f"/api/v1/{model}/predict", rows).json()
    x = np.array([[r[n] for n in names] for r in rows])
    for datatype, binary in (("FP64", True), ("FP64", False), ("FP32", True)):
        t = triton.InferInput("input", list(x.shape), datatype)
        t.set_data_from_numpy(x.astype(triton_to_np_dtype(datatype)), binary_data=binary)
        y = c.infer(model, [t], headers=dict(auth)).as_numpy("prediction")
        assert np.allclose(y, [r["prediction"] for r in own], rtol=0 if datatype == "FP64" else 1e-3)
    nested = {"inputs": [{"name": "input", "shape": list(x.shape), "datatype": "FP64",
                          "data": x.tolist()}]}
    r = post(f"/v2/models/{model}/infer", nested).json()
    assert r["outputs"][0]["data"] == [r["prediction"] for r in own]
    assert len(r["outputs"]) == 1  # a number has no probabilities
    r = post(f"/v1/models/{model}:predict", {"instances": x.tolist()}).json()
    assert r["predictions"] == [o["prediction"] for o in own]
    t = triton.InferInput("input", [len(rows), len(names) - 1], "FP64")
    t.set_data_from_numpy(x[:, 1:].astype(np.float64))
    refused("too few columns", 400, lambda: c.infer(model, [t], headers=dict(auth)))


# ---- MLflow and TensorFlow Serving -----------------------------------------------------------
def check_mlflow(rows, own):
    want = [r["prediction"] for r in own]
    names = list(rows[0])
    split = {"columns": names, "data": [[r[n] for n in names] for r in rows]}
    bodies = [
        {"dataframe_split": split},
        {"dataframe_split": split | {"index": list(range(len(rows)))}, "params": {"x": 1}},
        {"dataframe_split": {"data": split["data"], "columns": names}},
        {"dataframe_records": rows},
        {"instances": rows},
        {"instances": split["data"]},
        {"inputs": {n: [r[n] for r in rows] for n in names}},
        {"inputs": {n: [[r[n]] for r in rows] for n in names}},
    ]
    for body in bodies:
        assert post("/invocations", body).json() == {"predictions": want}, body
    text = ",".join(names) + "\n" + "".join(
        ",".join(json.dumps(r[n]) if isinstance(r[n], bool) else str(r[n]) for n in names) + "\n"
        for r in rows)
    for kind in ("text/csv", "text/csv; charset=utf-8", "Text/CSV;charset=UTF-8"):
        assert post("/invocations", text, **{"Content-Type": kind}).json() == {"predictions": want}
    assert requests.get(url + "/ping", timeout=5).text == "\n"
    assert requests.get(url + "/version", timeout=5).status_code == 200

    def bad(body, status=400, **headers):
        return post("/invocations", body, status, **headers)

    for body in ([], rows, {}, {"dataframe_split": split, "instances": rows}, {"params": {}},
                 {"dataframe_split": {"columns": names}}, {"dataframe_records": {}},
                 {"dataframe_records": []}, {"instances": rows, "params": 3},
                 {"dataframe_split": {"columns": names + names[:1], "data": []}},
                 {"dataframe_split": {"columns": names, "data": [[1]]}},
                 {"inputs": {n: [r[n] for r in rows][i > 0:] for i, n in enumerate(names)}},
                 {"dataframe_split": {"columns": names[1:],
                                      "data": [d[1:] for d in split["data"]]}}):
        assert bad(body).json()["error_code"] == "BAD_REQUEST", body
    bad("{", **{"Content-Type": "application/json"})
    for kind in ("text/plain", "application/json; charset=latin-1", "application/json; a=b"):
        r = bad("{}", 415, **{"Content-Type": kind})
        assert r.headers["Content-Type"].startswith("text/plain"), kind


def check_tensorflow(model, rows, own):
    status = requests.get(f"{url}/v1/models/{model}", headers=auth, timeout=5).json()
    assert status["model_version_status"][0]["state"] == "AVAILABLE"
    r = post(f"/v1/models/{model}:predict", {"instances": rows}).json()
    assert [p["prediction"] for p in r["predictions"]] == [o["prediction"] for o in own]
    r = post(f"/v1/models/{model}/versions/1:predict",
             {"inputs": {n: [x[n] for x in rows] for n in rows[0]}}).json()
    assert r["outputs"]["probabilities"] == [list(o["probabilities"].values()) for o in own]
    assert "error" in post(f"/v1/models/{model}:classify", {}, 404).json()
    assert "error" in post("/v1/models/nothing:predict", {}, 404).json()
    assert "error" in post(f"/v1/models/{model}:predict", {"instances": 1}, 400).json()


def main():
    inputs = requests.get(f"{url}/v2/models/fraud", headers=auth, timeout=5).json()["inputs"]
    rows = [typed(r, inputs) for r in load("transactions_new.csv", 50)]
    own = post("/predict?model=fraud", rows).json()
    check_triton("fraud", rows, own, inputs)
    print("tritonclient: as the own API")
    numeric = requests.get(f"{url}/v2/models/distance", headers=auth, timeout=5).json()["inputs"]
    check_matrix("distance", numeric, [{t["name"]: r[t["name"]] for t in numeric} for r in rows])
    print("tensor of all columns: as the own API")
    check_mlflow(rows, own)
    print("MLflow scoring: as the own API")
    check_tensorflow("fraud", rows, own)
    print("TensorFlow Serving: as the own API")


main()
