"""A model is kept as bytes that are the same for the same model, carry no code, and give back the same values."""

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from estate.errors import ModelRefused
from estate.score.model import Model
from tests.score.market import county, model, subjects, train, value


def files(body):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(content):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, body in content.items():
            archive.writestr(name, body)
    return sink.getvalue()


def test_the_same_inputs_give_the_same_bytes_twice():
    assert train(county()).to_bytes() == model().to_bytes()


def test_a_model_that_was_kept_gives_the_same_values_and_the_same_bytes():
    body = model().to_bytes()
    kept = Model.from_bytes(body)
    assert kept.to_bytes() == body
    before, after = value(subjects(100)), value(subjects(100), of=kept)
    for table in before:
        pd.testing.assert_frame_equal(before[table], after[table])
    pd.testing.assert_frame_equal(kept.importances(), model().importances())
    assert kept.components() == model().components()


@pytest.mark.parametrize("named", ["columns", "attributes"])
def test_a_model_of_other_columns_is_refused_with_the_remedy(named):
    content = files(model().to_bytes())
    plain = json.loads(content["model.json"])
    plain[named] = plain[named][:-1]
    with pytest.raises(ModelRefused, match="train the county again"):
        Model.from_bytes(zipped(content | {"model.json": json.dumps(plain)}))


def test_an_archive_holds_no_objects_that_could_run_when_read():
    content = files(model().to_bytes())
    assert {name.rpartition(".")[2] for name in content} == {"json", "cbm", "txt", "npy"}
    for name, body in content.items():
        if name.endswith(".npy"):
            assert np.load(io.BytesIO(body), allow_pickle=False).dtype.kind in "fU"


def test_an_archive_tells_no_time_and_no_chance():
    with zipfile.ZipFile(io.BytesIO(model().to_bytes())) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())
