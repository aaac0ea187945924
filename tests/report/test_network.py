"""The picture of a network: all of it is there, nothing lies on anything else, and it fits a screen."""

from __future__ import annotations

from itertools import combinations, pairwise, product
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image
from torch import nn

from imagette.core.errors import EnvironmentFault, InputError
from imagette.models import build
from imagette.models.graph import shortened
from imagette.models.trace import network_graph
from imagette.recipe import models as specs
from imagette.report import network
from imagette.report.layout import BOX, Cell, Layout
from models.flows import Block, Branching, Dense, Functional, Leaking, Untraceable

GRAY, COLOUR = (1, 28, 28), (3, 32, 32)
NETS = {
    "linear": (build(specs.Linear(), GRAY, 10), GRAY),
    "lenet": (build(specs.LeNet(), GRAY, 10), GRAY),
    "cnn": (build(specs.CNN(), GRAY, 10), GRAY),
    "vgg": (build(specs.VGG(), GRAY, 10), GRAY),
    "alexnet": (build(specs.AlexNet(batch_norm=True, dropout=(0.5,) * 5), COLOUR, 10), COLOUR),
    "resnet-20": (build(specs.ResNet(depth=20), COLOUR, 10), COLOUR),
    "resnet-56": (build(specs.ResNet(depth=56), COLOUR, 10), COLOUR),
    "speednet": (build(specs.SpeedNet(), GRAY, 10), GRAY),
    "wide-resnet": (build(specs.WideResNet(dropout=0.3), COLOUR, 10), COLOUR),
    "functional": (Functional(), (1, 8, 8)),
    "branching": (Branching(), COLOUR),
    "dense": (Dense(), COLOUR),
    "long block": (nn.Sequential(Block(), Block(), nn.Flatten(), nn.Linear(3072, 4)), COLOUR),
    "leaking": (Leaking(), COLOUR),
    "untraceable": (Untraceable(), (1, 8, 8)),
}
SCREEN = 1400  # pixels
SLACK = 1e-6


@pytest.fixture(params=NETS, scope="module")
def drawn(request):
    """Give a network's graph and its picture as matplotlib would lay it out."""
    module, shape = NETS[request.param]
    graph = network_graph(module, shape)
    figure = network.figure(graph, request.param)
    figure.set_dpi(120)
    FigureCanvasAgg(figure).draw()
    return shortened(graph), figure


def test_every_box_is_drawn_with_its_name_and_shape(drawn) -> None:
    graph, figure = drawn
    texts = [text.get_text() for text in figure.axes[0].texts]
    for box in graph.boxes:
        assert box.label.title in texts
        assert not box.label.setting or box.label.setting in texts
        assert not box.parameters or f"{box.parameters:,}" in texts
        assert "×".join(map(str, box.shape)) in [text.replace("\n", "") for text in texts]
        block = next((block for block in graph.blocks if box.name.startswith(f"{block.names[0]}.")), None)
        assert (box.name.removeprefix(f"{block.names[0]}.") if block else box.name) in texts


def test_no_text_lies_on_another_or_leaves_the_picture(drawn) -> None:
    _, figure = drawn
    places = {text: text.get_window_extent() for text in figure.axes[0].texts if text.get_text()}
    for text, place in places.items():
        assert place.x0 >= 0, text
        assert place.y0 >= 0, text
        assert place.x1 <= figure.bbox.width, text
        assert place.y1 <= figure.bbox.height, text
    for (a, at_a), (b, at_b) in combinations(places.items(), 2):
        assert not at_a.overlaps(at_b), (a.get_text(), b.get_text())


def test_a_text_lies_in_a_box_or_beside_it(drawn) -> None:
    graph, figure = drawn
    layout, axes = Layout(graph, network._cell(graph)), figure.axes[0]
    for text in filter(Text.get_text, axes.texts):
        (left, bottom), (right, top) = text.get_window_extent().transformed(axes.transData.inverted()).get_points()
        for box, x in layout.left.items():
            y, end = layout.row_of[box].box_top, x + layout.cell.box
            beside = right <= x or left >= end or bottom <= y or top >= y + BOX
            assert beside or (left >= x and right <= end and top >= y and bottom <= y + BOX), text


def test_no_line_runs_through_a_box_or_close_to_a_text(drawn) -> None:
    graph, figure = drawn
    layout = Layout(graph, network._cell(graph))
    taken = [
        (layout.left[i], layout.row_of[i].box_top, layout.left[i] + layout.cell.box, layout.row_of[i].box_top + BOX)
        for i in range(len(graph.boxes))
    ]
    for text in figure.axes[0].texts:
        if text.get_text() and text.get_bbox_patch() is None:  # words on a line have ground of their own
            place = text.get_window_extent().transformed(figure.axes[0].transData.inverted())
            taken.append((place.x0 - 0.03, min(place.y0, place.y1), place.x1 + 0.03, max(place.y0, place.y1)))
    for line in layout.lines():
        for (x0, y0), (x1, y1) in pairwise(line.points):
            assert x0 == x1 or y0 == y1
            left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            assert left >= 0
            assert right <= layout.width
            for a, b, c, d in taken:
                apart = right <= a + SLACK or left >= c - SLACK or bottom <= b + SLACK or top >= d - SLACK
                assert apart, (line, (a, b, c, d))


def test_no_line_lies_on_a_line_from_elsewhere(drawn) -> None:
    graph, _ = drawn
    lines = list(Layout(graph, network._cell(graph)).lines())
    for one, two in combinations(lines, 2):
        if one.points[0] == two.points[0]:
            continue  # what one box gives may share a way
        for (a, b), (c, d) in product(pairwise(one.points), pairwise(two.points)):
            for along, across in ((0, 1), (1, 0)):
                if a[across] == b[across] == c[across] == d[across]:
                    start = max(min(a[along], b[along]), min(c[along], d[along]))
                    assert start >= min(max(a[along], b[along]), max(c[along], d[along])) - SLACK, (one, two)


def test_lines_lead_from_box_to_box_as_the_edges_do(drawn) -> None:
    graph, _ = drawn
    layout = Layout(graph, network._cell(graph))
    ends = [line.points[-1] for line in layout.lines() if line.arrow][: len(graph.edges)]
    into = []
    for x, y in ends:
        [box] = [
            i
            for i, left in layout.left.items()
            if left - SLACK <= x <= left + layout.cell.box and 0 <= y - layout.row_of[i].box_top < BOX
        ]
        into.append(box)
    assert sorted(into) == sorted(edge.target for edge in graph.edges)


@pytest.mark.parametrize(
    "name", ["linear", "lenet", "cnn", "vgg", "alexnet", "resnet-20", "resnet-56", "speednet", "branching"]
)
def test_the_file_is_a_picture_that_fits_a_screen(name, tmp_path: Path) -> None:
    module, shape = NETS[name]
    file = network.save(module, shape, tmp_path / "new" / "net.PNG", name)
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert 400 <= picture.width <= SCREEN
        assert 150 <= picture.height <= SCREEN


def test_a_deeper_net_of_equal_blocks_is_no_larger() -> None:
    sizes = [network.figure(network_graph(*NETS[f"resnet-{depth}"]), "").get_size_inches() for depth in (20, 56)]
    assert sizes[0].tolist() == sizes[1].tolist()


def test_rows_keep_blocks_whole_where_they_fit() -> None:
    graph = shortened(network_graph(*NETS["resnet-20"]))
    rows = [set(row.boxes) for row in Layout(graph, Cell(0.8, 0.6)).rows]
    for block in graph.blocks:
        assert any(set(range(block.first, block.last + 1)) <= row for row in rows)


def test_an_svg_holds_the_layers_as_text(tmp_path: Path) -> None:
    file = network.save(*NETS["lenet"], tmp_path / "net.svg", "a <b> & $c$")
    texts = [
        "".join(text.itertext()).strip() for text in ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"conv1", "act1", "pool1", "flatten", "fc3", "Conv", "5×5, 6", "30,840"} <= set(texts)
    assert "a <b> & $c$: images 1×28×28, 44,426 parameters" in texts


def test_the_same_network_gives_the_same_svg(tmp_path: Path) -> None:
    one, two = (network.save(*NETS["branching"], tmp_path / f"{i}.svg").read_bytes() for i in range(2))
    assert one == two


def test_a_repeated_block_says_how_often_and_how_large() -> None:
    figure = network.figure(network_graph(*NETS["resnet-56"]), "resnet")
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert "BasicBlock ×9 · stage1.0 to stage1.8 · 4,672 parameters each" in texts
    assert "BasicBlock · stage2.0 · 13,952 parameters" in texts


def test_what_is_not_known_is_said() -> None:
    texts = [t.get_text() for t in network.figure(network_graph(*NETS["untraceable"]), "").axes[0].texts]
    assert any("Which layer takes what from which is not known" in text for text in texts)
    assert any("control flow" in text for text in texts)
    assert any("Not used by any image: spare." in text for text in texts)


@pytest.mark.parametrize("name", ["net.jpg", "net", "net.pdf", ".png"])
def test_another_suffix_is_refused(name, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png or \.svg"):
        network.save(*NETS["linear"], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_the_machines_fault() -> None:
    with pytest.raises(EnvironmentFault, match=r"/proc/net\.png: cannot be written"):
        network.save(*NETS["linear"], Path("/proc/net.png"))


def test_a_network_too_large_to_look_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1,002 layers is too large for a picture; at most 1,000"):
        network.save(nn.Sequential(*(nn.Identity() for _ in range(1001))), GRAY, tmp_path / "net.png")
