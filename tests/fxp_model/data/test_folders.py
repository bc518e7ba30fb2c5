"""Data sets on disk: both layouts, seeded splits, and one line for each mistake."""

import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.data import SpeechDataset, open_dataset
from fxp_model.errors import InputError


def clip_file(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(path), encoding="utf-8", errors="replace")  # not audio, but the file can be listed


@pytest.fixture
def tables(tmp_path):
    """train.csv and val.csv of two words."""
    for split, speakers in (("train", "ab"), ("val", "c")):
        rows = ["file,class"]
        for speaker in speakers:
            for name in ("yes", "no"):
                file = f"clips/{speaker}_{name}.wav"
                clip_file(tmp_path / file)
                rows.append(f"{file},{name}")
        (tmp_path / f"{split}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def class_folders(folder, words, speakers, takes=1, pattern="{speaker}_nohash_{take}.wav"):
    for word in words:
        for speaker in speakers:
            for take in range(takes):
                clip_file(folder / word / pattern.format(speaker=speaker, take=take))
    return folder


def names(dataset, split):
    return [clip.name for clip in dataset.split(split)]


def refusal(folder, seed=0):
    with pytest.raises(InputError) as caught:
        open_dataset(folder, seed)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(folder), "DATA")


def test_tables_give_their_splits_in_their_order(tables):
    dataset = open_dataset(tables)
    assert dataset.name == tables.name
    assert dataset.classes == ("no", "yes")
    assert list(dataset.splits) == ["train", "val"]
    assert names(dataset, "val") == ["clips/c_yes.wav", "clips/c_no.wav"]
    assert [clip.label for clip in dataset.split("train")] == [1, 0, 1, 0]


def test_tables_may_be_quoted_and_begin_with_a_byte_order_mark(tables):
    text = (tables / "val.csv").read_text(encoding="utf-8").replace("clips/c_no.wav", '"clips/c_no.wav"')
    (tables / "val.csv").write_text("\ufeff" + text, encoding="utf-8")
    assert names(open_dataset(tables), "val") == ["clips/c_yes.wav", "clips/c_no.wav"]


def test_a_missing_split_is_refused(tables):
    with pytest.raises(InputError, match=rf"^{tables.name}: split must be one of train, val, not 'test'$"):
        open_dataset(tables).split("test")


def test_a_file_in_two_splits_is_refused(tables):
    first = (tables / "train.csv").read_text(encoding="utf-8").splitlines()[1]
    table = tables / "val.csv"
    table.write_text(f"{table.read_text(encoding='utf-8').rstrip()}\n{first}\n", encoding="utf-8")
    assert refusal(tables) == (
        "DATA: a file must be in one split and class, not 'clips/a_yes.wav' (train, 'yes') and "
        "'clips/a_yes.wav' (val, 'yes')"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("clips/none.wav,no", "DATA/val.csv line 4: no such file: clips/none.wav"),
        ("clips,no", "DATA/val.csv line 4: no such file: clips"),
        ("clips/c_no.wav,maybe", "DATA/val.csv line 4: class must be one of no, yes, not 'maybe'"),
        ("clips/c_no.wav", "DATA/val.csv line 4: must hold a file and a class, not 'clips/c_no.wav'"),
        (
            "clips/c_no.wav,no,1",
            "DATA/val.csv line 4: must hold a file and a class, not 'clips/c_no.wav,no,1'",
        ),
        (",no", "DATA/val.csv line 4: must hold a file and a class, not ',no'"),
        ("", "DATA/val.csv line 4: must hold a file and a class, not ''"),
        ('"clips/c_no.wav,no', "DATA/val.csv line 4: not csv (unexpected end of data)"),
    ],
)
def test_a_bad_row_is_refused_with_file_line_and_value(tables, line, message):
    with (tables / "val.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    assert refusal(tables) == message


def test_a_bad_header_is_refused(tables):
    (tables / "train.csv").write_text("path,label\n", encoding="utf-8")
    assert refusal(tables) == "DATA/train.csv line 1: header must be file,class, not 'path,label'"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "DATA/train.csv line 1: header must be file,class, not ''"),
        (b"file,class\n", "DATA/train.csv: must name at least 1 file, not 0"),
        (
            b"file,class\n\xff\xfe,no\n",
            "DATA/train.csv: must be text in UTF-8: invalid start byte at byte 11",
        ),
    ],
)
def test_a_table_that_is_none_is_refused(tables, content, message):
    (tables / "train.csv").write_bytes(content)
    assert refusal(tables) == message


@pytest.mark.parametrize("entry", ["nothing", "a folder without sound", "only hidden classes"])
def test_a_folder_in_no_layout_is_refused(tmp_path, entry):
    if entry != "nothing":
        clip_file(tmp_path / ("notes/a.txt" if entry == "a folder without sound" else "_yes/a.wav"))
    expected = (
        "DATA: data set must hold train.csv, val.csv, test.csv or a folder per class with wav or flac files, "
        "the HDF5 files of SHD or SSC, or npz files"
    )
    assert refusal(tmp_path) == expected


def test_what_is_no_folder_is_refused(tmp_path):
    assert refusal(tmp_path / "absent") == "DATA: data set must be a folder"


def test_split_lists_are_followed_and_the_rest_is_for_training(tmp_path):
    class_folders(tmp_path, ["no", "yes"], ["a", "b", "c"])
    clip_file(tmp_path / "_background_noise_" / "hum.wav")
    clip_file(tmp_path / "no" / "._a_nohash_0.wav")
    (tmp_path / "validation_list.txt").write_text("no/b_nohash_0.wav\nyes/b_nohash_0.wav\n", encoding="utf-8")
    (tmp_path / "testing_list.txt").write_text("yes/c_nohash_0.wav\n", encoding="utf-8")
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("no", "yes")
    assert names(dataset, "train") == ["no/a_nohash_0.wav", "no/c_nohash_0.wav", "yes/a_nohash_0.wav"]
    assert names(dataset, "val") == ["no/b_nohash_0.wav", "yes/b_nohash_0.wav"]
    assert names(dataset, "test") == ["yes/c_nohash_0.wav"]


def test_one_list_makes_two_splits(tmp_path):
    class_folders(tmp_path, ["no", "yes"], ["a", "b"])
    (tmp_path / "testing_list.txt").write_text("no/b_nohash_0.wav\n", encoding="utf-8")
    assert list(open_dataset(tmp_path).splits) == ["train", "test"]


def test_a_list_that_names_a_missing_clip_is_refused(tmp_path):
    class_folders(tmp_path, ["no"], ["a", "b"])
    (tmp_path / "validation_list.txt").write_text("no/a_nohash_0.wav\nno/z.wav\n", encoding="utf-8")
    assert refusal(tmp_path) == "DATA/validation_list.txt line 2: no such clip: 'no/z.wav'"


def test_a_clip_in_both_lists_is_refused(tmp_path):
    class_folders(tmp_path, ["no"], ["a", "b"])
    for name in ("validation_list.txt", "testing_list.txt"):
        (tmp_path / name).write_text("no/a_nohash_0.wav\n", encoding="utf-8")
    expected = "DATA/testing_list.txt line 1: already in validation_list.txt: 'no/a_nohash_0.wav'"
    assert refusal(tmp_path) == expected


def test_lists_that_leave_a_class_nothing_to_train_are_refused(tmp_path):
    class_folders(tmp_path, ["no", "yes"], ["a"])
    (tmp_path / "testing_list.txt").write_text("yes/a_nohash_0.wav\n", encoding="utf-8")
    assert refusal(tmp_path) == "DATA: class 'yes' must have at least 1 training clip, not 0"


@pytest.mark.parametrize("pattern", ["{speaker}_nohash_{take}.wav", "{speaker}_NO_0{take}.flac"])
def test_seeded_splits_share_no_speaker(tmp_path, pattern):
    class_folders(tmp_path, ["no", "yes"], [f"s{i:02}" for i in range(30)], takes=2, pattern=pattern)
    dataset = open_dataset(tmp_path)
    speakers = {split: {clip.speaker for clip in clips} for split, clips in dataset.splits.items()}
    assert {split: len(members) for split, members in speakers.items()} == {"train": 24, "val": 3, "test": 3}
    assert all(not one & other for one, other in combinations(speakers.values(), 2))
    assert sum(len(clips) for clips in dataset.splits.values()) == 120


@pytest.mark.parametrize("speakers", [["a", "b"], [f"s{i}" for i in range(20)]])
def test_without_speakers_each_class_is_split(tmp_path, speakers):
    pattern = "{speaker}_nohash_{take}.wav" if len(speakers) == 2 else "{speaker}-{take}.wav"
    takes = 10 if len(speakers) == 2 else 1
    class_folders(tmp_path, ["no", "yes"], speakers, takes=takes, pattern=pattern)
    dataset = open_dataset(tmp_path)
    for split, expected in (("train", 16), ("val", 2), ("test", 2)):
        labels = [clip.label for clip in dataset.split(split)]
        assert np.bincount(labels).tolist() == [expected, expected]
    assert len({clip.name for clips in dataset.splits.values() for clip in clips}) == 40


def test_a_class_too_small_to_be_split_is_refused(tmp_path):
    class_folders(tmp_path, ["no"], "abc", pattern="{speaker}.wav")
    class_folders(tmp_path, ["yes"], "ab", pattern="{speaker}.wav")
    assert refusal(tmp_path) == "DATA: class 'yes' must have at least 3 clips to be split, not 2"


def test_a_word_of_held_out_speakers_only_is_refused(tmp_path):
    class_folders(tmp_path, ["no"], "abc")
    held_out = open_dataset(tmp_path).split("val")[0].speaker
    class_folders(tmp_path, ["yes"], [held_out])
    assert refusal(tmp_path) == "DATA: class 'yes' must have at least 1 training clip, not 0"


@given(seed=st.integers(0, 2**40))
def test_a_seed_gives_one_split(tmp_path_factory, seed):
    folder = tmp_path_factory.getbasetemp() / "seeded"
    if not folder.exists():
        class_folders(folder, ["no", "yes"], [f"s{i}" for i in range(12)])
    assert open_dataset(folder, seed) == open_dataset(folder, seed)


def test_another_seed_gives_another_split(tmp_path):
    class_folders(tmp_path, ["no", "yes"], [f"s{i}" for i in range(30)])
    assert names(open_dataset(tmp_path, 0), "val") != names(open_dataset(tmp_path, 1), "val")


def test_a_negative_seed_is_refused(tmp_path):
    class_folders(tmp_path, ["no"], "abc")
    assert refusal(tmp_path, seed=-1) == "seed must be at least 0, not -1"
    assert refusal("synthetic", seed=-1) == "seed must be at least 0, not -1"


def test_a_damaged_clip_is_named(tmp_path):
    class_folders(tmp_path, ["no"], "abc")
    clip = open_dataset(tmp_path).split("train")[0]
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path / clip.name))}: not a valid wav"):
        clip.source.audio(clip.source.content())


def test_a_clip_gives_its_sound(tables):
    sound = np.linspace(-0.5, 0.5, 800)
    soundfile.write(tables / "clips" / "c_no.wav", sound, 8000)
    clip = open_dataset(str(tables)).split("val")[1]
    audio, rate_hz = clip.source.audio(clip.source.content())
    assert rate_hz == 8000
    np.testing.assert_allclose(audio, sound, atol=1 / 32768)


def test_the_name_synthetic_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(class_folders(tmp_path / "synthetic", ["no"], "abc").parent)
    assert open_dataset("synthetic").name == "synthetic"
    assert len(open_dataset("synthetic").classes) == 20
    assert open_dataset(Path("synthetic")).classes == ("no",)
    assert isinstance(open_dataset("./synthetic"), SpeechDataset)


def spelled(folder, how):
    """Another name of clips/a_yes.wav."""
    if how == "spelling":
        return "./clips//../clips/a_yes.wav"
    if how == "absolute":
        return str(folder / "clips" / "a_yes.wav")
    link = folder / "clips" / "link.wav"
    if how == "link":
        link.symlink_to("a_yes.wav")
    else:
        link.hardlink_to(folder / "clips" / "a_yes.wav")
    return "clips/link.wav"


@pytest.mark.parametrize("how", ["spelling", "absolute", "link", "hard link"])
@pytest.mark.parametrize(("split", "name"), [("val", "yes"), ("val", "no"), ("train", "no")])
def test_a_file_of_two_splits_or_classes_is_refused_under_any_name(tables, how, split, name):
    other = spelled(tables, how)
    with (tables / f"{split}.csv").open("a", encoding="utf-8") as file:
        file.write(f"{other},{name}\n")
    assert refusal(tables) == (
        "DATA: a file must be in one split and class, not 'clips/a_yes.wav' (train, 'yes') and "
        f"{other.replace(str(tables), 'DATA')!r} ({split}, {name!r})"
    )


def test_a_class_folder_that_is_a_link_to_another_is_refused(tmp_path):
    class_folders(tmp_path, ["yes"], "abc")
    (tmp_path / "oui").symlink_to("yes")
    assert re.match(
        r"DATA: a file must be in one split and class, not 'oui/._nohash_0.wav' \(train, 'oui'\) and "
        r"'yes/._nohash_0.wav' \(train, 'yes'\)$",
        refusal(tmp_path),
    )


def test_hard_links_in_two_lists_are_refused(tmp_path):
    class_folders(tmp_path, ["no"], "abc")
    (tmp_path / "no" / "d_nohash_0.wav").hardlink_to(tmp_path / "no" / "a_nohash_0.wav")
    (tmp_path / "validation_list.txt").write_text("no/d_nohash_0.wav\n", encoding="utf-8")
    assert refusal(tmp_path) == (
        "DATA: a file must be in one split and class, not 'no/a_nohash_0.wav' (train, 'no') and "
        "'no/d_nohash_0.wav' (val, 'no')"
    )


def notices(folder, caplog):
    open_dataset(folder)
    assert all(record.name == "spikeline" for record in caplog.records)
    return [message.replace(str(folder), "DATA") for message in caplog.messages]


def test_a_clip_that_is_there_twice_is_told(tables, caplog):
    with (tables / "train.csv").open("a", encoding="utf-8") as file:
        file.write("./clips/a_yes.wav,yes\n" * 2)
    assert notices(tables, caplog) == [
        "DATA: 1 clips occur more than once, such as 'clips/a_yes.wav' (train, 'yes') and "
        "'./clips/a_yes.wav' (train, 'yes')"
    ]


def test_equal_files_of_two_splits_or_classes_are_told(tables, caplog):
    rng = np.random.default_rng(0)
    for file in sorted((tables / "clips").iterdir()):
        file.write_bytes(rng.bytes(500))
    assert notices(tables, caplog) == []
    for one, other in (("a_yes", "c_no"), ("b_no", "b_yes")):
        (tables / "clips" / f"{one}.wav").write_bytes((tables / "clips" / f"{other}.wav").read_bytes())
    assert notices(tables, caplog) == [
        "DATA: 2 clips are in two splits or classes, such as 'clips/a_yes.wav' (train, 'yes') and "
        "'clips/c_no.wav' (val, 'no')"
    ]


def test_a_message_of_a_notice_reaches_stderr_once(tmp_path):
    class_folders(tmp_path, ["no", "notes"], "abc")
    for file in (tmp_path / "notes").iterdir():
        file.unlink()
    program = f"from fxp_model.data import open_dataset; [open_dataset({str(tmp_path)!r}) for _ in range(2)]"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8")
    assert (done.stdout, done.stderr) == (
        "",
        f"{tmp_path}: folders without audio files are not classes: 'notes'\n",
    )


NFD, NFC = "cafe\u0301", "caf\u00e9"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            (NFD, NFC),
            r"classes must differ in more than their Unicode form: 'cafe\u0301', 'caf\xe9'",
        ),
        (("yes ", "yes"), "class must begin and end with a visible character, not 'yes '"),
        (("yes\u200b", "yes"), r"class must begin and end with a visible character, not 'yes\u200b'"),
        (("\ufeffyes", "yes"), r"class must begin and end with a visible character, not '\ufeffyes'"),
        (("\u00a0", "yes"), r"class must begin and end with a visible character, not '\xa0'"),
        (
            ("y\x1bes", "yes"),
            r"class must be a string without control characters, not 'y\x1bes'",
        ),
    ],
)
@pytest.mark.parametrize("layout", ["tables", "folders"])
def test_classes_that_nobody_can_tell_apart_are_refused(tmp_path, names, message, layout):
    class_folders(tmp_path, names, "abc")
    where = "DATA"
    if layout == "tables":
        where = "DATA/train.csv"
        rows = [f"{name}/a_nohash_0.wav,{name}" for name in names]
        (tmp_path / "train.csv").write_text("\n".join(["file,class", *rows]), encoding="utf-8")
    assert refusal(tmp_path) == f"{where}: {message}"


def test_classes_of_persian_words_and_of_phones_are_read(tmp_path, caplog):
    class_folders(tmp_path, ["\u0645\u06cc\u200c\u0631\u0648\u0645", "s", "S"], "abc")
    assert notices(tmp_path, caplog) == ["DATA: classes differ in case only: 'S', 's'"]
    assert len(open_dataset(tmp_path).classes) == 3


@pytest.mark.parametrize("file", ["a.mp3", "B.OGG", "speaker/a.wav", "deep/er/a.flac", "a.wave"])
def test_a_class_of_which_nothing_is_read_is_refused(tmp_path, file):
    class_folders(tmp_path, ["no"], "abc")
    clip_file(tmp_path / "yes" / file)
    assert refusal(tmp_path) == (
        f"DATA: class 'yes' must have wav or flac files in its own folder, not only such as {file!r}; "
        "convert or move them, or name the folder _yes"
    )


def test_sound_that_is_left_out_is_told(tmp_path, caplog):
    class_folders(tmp_path, ["no", "yes"], "abc")
    for file in ("no/a.mp3", "yes/more/a.wav", "loose.wav", "_noise/a.mp3", "no/.a.mp3", "no/notes.txt"):
        clip_file(tmp_path / file)
    assert notices(tmp_path, caplog) == ["DATA: 3 audio files are ignored, such as 'loose.wav'"]


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    rule = "must be a string without control characters, not"
    class_folders(tmp_path, ["no", "caf\udce9"], "abc")
    assert refusal(tmp_path) == rf"DATA: class {rule} 'caf\udce9'"
    (tmp_path / "caf\udce9").rename(tmp_path / "cafe")
    (tmp_path / "cafe" / "\udcff.wav").touch()
    assert refusal(tmp_path) == rf"DATA/cafe: file {rule} '\udcff.wav'"
    (tmp_path / "cafe" / "\udcff.wav").unlink()
    whole = class_folders(tmp_path / "data\udcff", ["no"], "abc")
    assert refusal(whole).startswith(f"path of a data set {rule} ")
    (tmp_path / "link").symlink_to(whole)
    assert refusal(tmp_path / "link") == rf"path of a data set {rule} 'data\udcff'"


@pytest.mark.parametrize("entry", ["no/d.wav", "val.csv", "validation_list.txt"])
@pytest.mark.parametrize("kind", ["folder", "broken link", "pipe"])
def test_what_should_be_a_file_and_is_none_is_refused(tmp_path, entry, kind):
    path = class_folders(tmp_path, ["no"], "abc") / entry
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("absent")
    assert refusal(tmp_path) == f"DATA/{entry}: must be a file"


@pytest.mark.parametrize("cell", ["a" * 300 + ".wav", "a\0.wav", '"a\nb.wav"', "\u2028.wav"])
def test_a_name_that_no_file_can_have_is_refused_in_a_line(tables, cell):
    with (tables / "val.csv").open("a", encoding="utf-8") as file:
        file.write(f"{cell},no\n")
    assert re.match(
        r"DATA/val.csv line [45]: (no such file: a|file must be a string without control)", refusal(tables)
    )
