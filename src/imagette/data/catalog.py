"""The data sets that Imagette knows by name."""

from __future__ import annotations

from imagette.core.registry import unknown
from imagette.data import publications
from imagette.data.entry import Entry

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper
snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train
trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR100 = tuple(_CIFAR100.split())
KRIZHEVSKY = "A. Krizhevsky: Learning multiple layers of features from tiny images, 2009"

_ENTRIES = (
    Entry(
        name="mnist",
        title="MNIST",
        classes=DIGITS,
        shape=(1, 28, 28),
        train=60_000,
        test=10_000,
        polarity="light digits on dark ground",
        mirror_keeps_class=False,
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner: Gradient-based learning applied to document "
        "recognition, Proc. IEEE 86(11), 1998",
        homepage="http://yann.lecun.com/exdb/mnist/",
        bundles=publications.MNIST,
    ),
    Entry(
        name="fashion-mnist",
        title="Fashion-MNIST",
        classes=CLOTHES,
        shape=(1, 28, 28),
        train=60_000,
        test=10_000,
        polarity="light clothes on dark ground",
        mirror_keeps_class=True,
        licence="MIT",
        citation="H. Xiao, K. Rasul and R. Vollgraf: Fashion-MNIST: a novel image dataset for benchmarking machine "
        "learning algorithms, arXiv:1708.07747, 2017",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        bundles=publications.FASHION,
        note="exists in two divisions of the same 70,000 images: the publisher's, and that of the Kaggle CSV files",
    ),
    Entry(
        name="kmnist",
        title="Kuzushiji-MNIST",
        classes=KANA,
        shape=(1, 28, 28),
        train=60_000,
        test=10_000,
        polarity="light characters on dark ground",
        mirror_keeps_class=False,
        licence="CC BY-SA 4.0",
        citation="T. Clanuwat et al.: Deep learning for classical Japanese literature, arXiv:1812.01718, 2018",
        homepage="http://codh.rois.ac.jp/kmnist/",
        bundles=publications.KMNIST,
    ),
    Entry(
        name="cifar10",
        title="CIFAR-10",
        classes=CIFAR10,
        shape=(3, 32, 32),
        train=50_000,
        test=10_000,
        polarity="colour photographs",
        mirror_keeps_class=True,
        licence="none stated by its publisher",
        citation=KRIZHEVSKY,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        bundles=publications.CIFAR10,
    ),
    Entry(
        name="cifar100",
        title="CIFAR-100",
        classes=CIFAR100,
        shape=(3, 32, 32),
        train=50_000,
        test=10_000,
        polarity="colour photographs",
        mirror_keeps_class=True,
        licence="none stated by its publisher",
        citation=KRIZHEVSKY,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        bundles=publications.CIFAR100,
        note="the labels are the 100 fine ones",
    ),
    Entry(
        name="digits",
        title="Digits",
        classes=DIGITS,
        shape=(1, 8, 8),
        train=1_442,
        test=355,
        polarity="light digits on dark ground",
        mirror_keeps_class=False,
        licence="CC BY 4.0",
        citation="E. Alpaydin and C. Kaynak: Optical recognition of handwritten digits, UCI Machine Learning "
        "Repository, 1998",
        homepage="https://archive.ics.uci.edu/dataset/80",
        bundles=(),
        note="from scikit-learn; pixels 0 … 16 scaled to 0 … 255; of each class every fifth image is a test image",
    ),
)

CATALOG: dict[str, Entry] = {each.name: each for each in _ENTRIES}


def entry(name: str) -> Entry:
    """Give a data set's facts.

    Raises:
        InputError: when there is none of this name.

    Example:
        >>> entry("cifar10").shape
        (3, 32, 32)
    """
    try:
        return CATALOG[name]
    except KeyError:
        raise unknown("data set", name, CATALOG) from None
