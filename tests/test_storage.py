from pathlib import Path

import pytest

from huse import storage
from huse.errors import InputError, shown
from huse.storage import FEW, Remote, absolute, at, place, versions

SECRET = "not-to-be-seen"


def message(call, *arguments):
    with pytest.raises(InputError) as found:
        call(*arguments)
    return str(found.value)


@pytest.mark.parametrize("text", ["data/images", "/data/images", "a b?c#d", "s3:/one/slash", "C:\\images"])
def test_what_is_no_url_is_a_local_path(text):
    assert place(text) == Path(text)


def test_a_url_as_a_path_is_refused_as_it_has_lost_a_slash():
    assert "Give a str" in message(place, Path("s3://shop/models/7"))
    assert place(Path("data/images")) == Path("data/images")


def test_a_url_of_files_is_a_local_path():
    assert place("file:///data/images") == Path("/data/images")
    assert "absolute path" in message(place, "file://images")


@pytest.mark.parametrize(
    ("url", "store", "key"),
    [
        ("s3://shop", "shop", ""),
        ("s3://shop/pictures/", "shop", "pictures"),
        ("S3://shop/a b/c", "shop", "a b/c"),
        ("gs://shop/pictures", "shop", "pictures"),
        ("s3://arn:aws:s3:eu-west-1:12:accesspoint/shop", "arn:aws:s3:eu-west-1:12:accesspoint", "shop"),
        ("abfs://box@account.dfs.core.windows.net/pictures", "box@account.dfs.core.windows.net", "pictures"),
        ("azure://box/pictures", "box", "pictures"),
        ("memory://shop/pictures", "shop", "pictures"),
    ],
)
def test_a_url_of_an_object_store_is_its_parts_and_back(url, store, key):
    found = place(url)
    assert isinstance(found, Remote)
    assert (found.store, found.key) == (store, key)
    assert place(str(found)) == found
    assert str(found / "x.jpg") == f"{found}/x.jpg"
    assert (found / "x.jpg").name == "x.jpg"
    assert absolute(found) == found


@pytest.mark.parametrize(
    "url",
    ["http://shop/a", "https://shop/a", "github://o:r@/a", "ftp://shop/a", "zip://a.jpg", "sftp://shop/a", "hf://a/b"],
)
def test_nothing_is_fetched_from_elsewhere(url):
    told = message(place, url)
    assert "nothing is fetched" in told and "Copy it" in told


@pytest.mark.parametrize("url", ["simplecache::s3://shop/a", "zip://a.jpg::s3://shop/a.zip", "s3://shop/a::file://b"])
def test_chains_of_schemes_are_refused(url):
    assert "chain" in message(place, url)


@pytest.mark.parametrize(
    "url",
    [
        f"s3://id:{SECRET}@shop/pictures",
        f"s3://{SECRET}@shop/pictures",
        f"abfs://id:{SECRET}@account/pictures",
        f"s3://shop/pictures?X-Amz-Signature={SECRET}",
        f"az://box/pictures?sv=1&sig={SECRET}",
        f"gs://shop/pictures#token={SECRET}",
        f"https://id:{SECRET}@shop/a?key={SECRET}",
        f"s3://id:a/{SECRET}@shop/pictures",
        f"s3://id:1/{SECRET}@shop/pictures",
        f"s3://id:{SECRET}/pictures",
        f"s3://id:a {SECRET}@shop/pictures",
        f"abfs://account:a/{SECRET}@box/pictures",
        f"s3://shop/a b?X-Amz-Signature={SECRET}",
        f"https://id:a/{SECRET}@shop/a",
    ],
)
def test_a_url_that_may_hold_a_credential_is_refused_and_not_repeated(url):
    told = message(place, url)
    assert SECRET not in told
    assert "credential" in told or "nothing is fetched" in told


@pytest.mark.parametrize("url", ["s3://", "s3:///pictures", "s3://shop/../other"])
def test_a_url_without_a_bucket_or_that_leaves_it_is_refused(url):
    assert "expected a bucket" in message(place, url)


def test_a_path_of_a_table_lies_below_its_folder_or_where_it_says():
    folder = Remote("memory", "shop", "pictures")
    assert at(folder, "a/b.jpg") == Remote("memory", "shop", "pictures/a/b.jpg")
    assert at(folder, "/uploads/b.jpg") == Path("/uploads/b.jpg")
    assert at(Path("/data"), "memory://other/b?.jpg") == Remote("memory", "other", "b?.jpg")
    assert at(Path("/data"), "b.jpg") == Path("/data/b.jpg")
    assert at(folder, "a::http://x/b.jpg") == folder / "a::http://x/b.jpg"


def test_a_name_of_an_object_leads_no_other_driver_in(store):
    store.put("shop/a.jpg", b"a")
    assert not (Remote("memory", "shop") / "a.jpg::memory://shop/a.jpg").is_file()
    assert not (Remote("memory", "shop") / "x::file:///etc/hostname").is_file()


def test_secrets_of_urls_are_not_shown():
    assert shown(f"see https://id:{SECRET}@host/a?sig={SECRET} there") == "see https://…@host/a?… there"
    assert shown("what? a#b") == "what? a#b"
    assert shown("abfs://box@account/a") == "abfs://box@account/a"
    assert shown(f"abfs://box:{SECRET}@account/a") == "abfs://…@account/a"
    assert shown(f"found s3://id:a/{SECRET}@shop/a'.") == "found s3://…@shop/a'."
    assert shown(f"s3:/id:{SECRET}@shop/a: none") == "s3:/…@shop/a: none"
    assert shown("https://host:8080/a@2x.jpg") == "https://host:8080/a@2x.jpg"
    assert shown(f"'https://host/a?sig={SECRET}': none") == "'https://host/a?…': none"


def test_no_message_repeats_a_secret_of_a_url():
    assert str(InputError(f"expected a network; found 's3://id:{SECRET}@shop/a'.")).endswith("found 's3://…@shop/a'.")
    assert message(place, "https://host:8080/a.jpg").startswith("https://host:8080/a.jpg: ")


def test_objects_are_read_listed_and_told_apart(store):
    folder = Remote("memory", "shop", "pictures")
    assert not folder.is_dir() and folder.objects() == {}
    for name, content in {"a.jpg": b"aaa", "sub/b.jpg": b"bb", "empty": b""}.items():
        store.put(f"shop/pictures/{name}", content)
    store.put("shop/pictures2/c.jpg", b"other")
    assert folder.is_dir() and not folder.is_file() and (folder / "a.jpg").is_file()
    assert sorted(folder.objects()) == ["a.jpg", "empty", "sub/b.jpg"]
    assert (folder / "a.jpg").read_bytes() == b"aaa"
    assert (folder / "a.jpg").read_bytes(2) == b"aa"
    assert (folder / "empty").read_bytes() == b""
    with pytest.raises(FileNotFoundError):
        (folder / "none").read_bytes()
    before = folder.objects()
    store.put("shop/pictures/a.jpg", b"aab")
    after = folder.objects()
    assert {name for name, version in after.items() if before[name] != version} == {"a.jpg"}


@pytest.mark.parametrize("count", [3, FEW + 1])
def test_versions_of_few_are_asked_for_one_by_one_and_of_many_by_one_listing(store, count):
    folder = Remote("memory", "shop", "pictures")
    for number in range(count):
        store.put(f"shop/pictures/{number}", b"x")
    found = versions([*(folder / str(number) for number in range(count)), folder / "none"])
    assert set(found) == {folder / str(number) for number in range(count)}
    assert all(found.values())


def test_a_store_that_fails_for_a_moment_is_asked_again(store):
    store.put("shop/a", b"content")
    store.failing["shop/a"] = [OSError("reset"), TimeoutError("late")]
    assert Remote("memory", "shop", "a").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("error", "kind", "times"),
    [
        (OSError("connection reset"), "a store that fails", 3),
        (PermissionError("Access Denied"), "no permission", 1),
        (type("NoCredentialsError", (Exception,), {})("Unable to locate credentials"), "no permission", 1),
        (type("HttpError", (Exception,), {"code": 403})("Forbidden"), "no permission", 1),
        (ValueError("Invalid bucket name"), "a store that fails", 1),
    ],
)
def test_a_store_that_goes_on_failing_is_an_input_error_with_a_remedy(store, error, kind, times):
    store.put("shop/a", b"content")
    store.failing["shop/a"] = [error] * 9
    told = message(Remote("memory", "shop", "a").read_bytes)
    assert told.startswith("memory://shop/a: expected to read it") and kind in told and "credentials" in told
    assert store.total() == times


def test_what_a_store_says_is_told_without_secrets_and_without_a_traceback(store):
    store.put("shop/a", b"content")
    said = f"GET https://h/a?X-Amz-Signature={SECRET} failed, SecretKey={SECRET} token: {SECRET}\nsignature={SECRET}"
    store.failing["shop/a"] = [OSError(said)] * 9
    with pytest.raises(InputError) as found:
        Remote("memory", "shop", "a").read_bytes()
    assert SECRET not in str(found.value)
    assert found.value.__suppress_context__


def test_a_driver_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(storage, "find_spec", lambda name: None)
    told = message(Remote("s3", "shop", "a").read_bytes)
    assert "needs s3fs" in told and "pip install 'huse[s3]'" in told
