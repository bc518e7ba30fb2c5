"""Data sets in the form of tonic's become splits, event by event."""

import numpy as np
import pytest

from fxp_model.data import encoder_for, load_frames, open_dataset, write_tonic
from fxp_model.errors import InputError

CAMERA = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
COCHLEA = np.dtype([("t", np.int64), ("x", np.int64), ("p", np.int64)])


class Clips:
    """As tonic's data sets: items of events and label."""

    def __init__(self, sensor_size, clips):
        self.sensor_size = sensor_size
        self.clips = clips

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index):
        return self.clips[index]


def clip(rng, dtype, sensor_size, events=40, end=50_000):
    width, height, polarities = sensor_size
    made = np.zeros(events, dtype)
    drawn = {"x": width, "y": height, "p": polarities, "t": end}
    for name in dtype.names:
        made[name] = rng.integers(0, drawn[name], events)
    made["t"].sort()
    return made


def written(folder, dataset, **options):
    write_tonic(dataset, folder / "train.npz", **options)
    opened = open_dataset(folder)
    return load_frames(opened, "train", encoder_for(opened, 4), progress=False)


@pytest.mark.parametrize(
    ("dtype", "sensor", "pool"), [(CAMERA, (5, 3, 2), 1), (CAMERA, (5, 3, 2), 2), (COCHLEA, (7, 1, 1), 1)]
)
def test_every_event_is_in_its_step_and_channel(tmp_path, dtype, sensor, pool):
    rng = np.random.default_rng(0)
    clips = [(clip(rng, dtype, sensor, end=end), label) for label, end in enumerate((50_000, 9_000, 700))]
    clips.append((np.zeros(0, dtype), 1))
    frames = written(tmp_path, Clips(sensor, clips), step_us=1_000, pool=pool)
    columns, rows = -(-sensor[0] // pool), -(-sensor[1] // pool)
    expected = np.zeros((int(frames.lengths.max()), len(clips), sensor[2], rows, columns), int)
    for index, (events, _) in enumerate(clips):
        for event in events:
            y = int(event["y"]) if "y" in dtype.names else 0
            place = int(event["t"]) // 1_000, index, int(event["p"]), y // pool, int(event["x"]) // pool
            expected[place] += 1
    np.testing.assert_array_equal(frames.counts, expected.reshape(*expected.shape[:2], -1))
    np.testing.assert_array_equal(frames.labels, [0, 1, 2, 1])
    last = [int(events["t"].max(initial=0)) // 1_000 + 1 for events, _ in clips]
    np.testing.assert_array_equal(frames.lengths, last)
    assert frames.lengths[3] == 1


def test_frames_are_those_of_tonic(tmp_path):
    transforms = pytest.importorskip("tonic.transforms", reason="tonic is not installed")
    sensor = (5, 4, 2)
    events = clip(np.random.default_rng(1), CAMERA, sensor, 300)
    events["t"][0] = 0
    frames = written(tmp_path, Clips(sensor, [(events, 0)]), step_us=1_000)
    expected = transforms.ToFrame(sensor_size=sensor, time_window=1_000, include_incomplete=True)(events)
    np.testing.assert_array_equal(frames.counts[:, 0], expected.reshape(len(expected), -1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": 5}, "clip 0: x must be in 0..4, not 5"),
        ({"y": 3}, "clip 0: y must be in 0..2, not 3"),
        ({"t": -1}, "clip 0: t must be in 0..9223372036854775807, not -1"),
    ],
)
def test_an_event_outside_is_one_line(tmp_path, change, message):
    events = np.zeros(1, CAMERA)
    for name, value in change.items():
        events[name] = value
    with pytest.raises(InputError) as caught:
        write_tonic(Clips((5, 3, 2), [(events, 0)]), tmp_path / "train.npz", step_us=1)
    assert str(caught.value) == message


def test_what_cannot_be_a_split_is_one_line_and_leaves_no_file(tmp_path):
    path = tmp_path / "train.npz"
    bare = Clips((5, 3, 2), [(np.zeros(3, [("x", int)]), 0)])
    for dataset, options, message in (
        (bare, {"step_us": 1}, "clip 0: events must have the field t, not only x"),
        (bare, {"step_us": 0}, "step_us must be at least 1, not 0"),
        (bare, {"step_us": 1, "pool": 0}, "pool must be at least 1, not 0"),
        (
            Clips((5, 3, 2), [(np.zeros(1, CAMERA), -1)]),
            {"step_us": 1},
            f"{path}: labels[0] must be in 0..65535, not -1",
        ),
        (Clips((5, 3, 2), []), {"step_us": 1}, f"{path}: must have at least 1 clip, not 0"),
    ):
        with pytest.raises(InputError) as caught:
            write_tonic(dataset, path, **options)
        assert str(caught.value) == message
        assert not path.exists()
