"""Public layouts in small, drawn."""

import numpy as np
from PIL import Image
from scipy.io import savemat


def draw(path, colour=(9, 9, 9)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)


def make_food101(root):
    """UPMC Food-101 in its true layout: two dishes, a broken line, a missing picture, one without a title."""
    for split, count in (("train", 6), ("test", 2)):
        for dish in ("apple_pie", "beef_tartare"):
            for number in range(count):
                draw(root / "images" / split / dish / f"{dish}_{number}.jpg", (number * 30, len(dish) * 20, 9))
    (root / "texts").mkdir()
    for split, count in (("train", 6), ("test", 2)):
        lines = [
            f'{dish}_{number}.jpg,"{split} recipe {number}, for {dish}",{dish}'
            for dish in ("apple_pie", "beef_tartare")
            for number in range(count)
        ]
        (root / "texts" / f"{split}_titles.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (root / "texts/train_titles.csv").open("a", encoding="utf-8") as file:
        file.write("apple_pie_9.jpg,Nobody has it,apple_pie\n")
        file.write("apple_pie_7.jpg\n")
        file.write("apple_pie_8.jpg,Pie, the best, ever,apple_pie\n")
    draw(root / "images/train/apple_pie/apple_pie_8.jpg", (200, 1, 1))
    draw(root / "images/train/apple_pie/apple_pie_untitled.jpg")
    return root


def make_fashion(root):
    """Kaggle's Fashion Product Images in its true layout: an unquoted comma, a missing picture, a short line."""
    lines = ["id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"]
    for number in range(6):
        kind = ("Apparel,Topwear,Shirts", "Footwear,Shoes,Casual Shoes")[number % 2]
        lines.append(f"{100 + number},Men,{kind},Blue,Fall,2011,Casual,Brand Thing {number}")
        draw(root / f"images/{100 + number}.jpg", (number * 40, 3, 3))
    lines.append("200,Women,Apparel,Topwear,Tops,Red,Summer,2012,Casual,Brand Top, Red, Long")
    draw(root / "images/200.jpg")
    lines.append("201,Women,Apparel,Topwear,Tops,Red,Summer,2012,Casual,No picture")
    lines.append("202,Women,Apparel")
    draw(root / "images/300.jpg")
    (root / "styles.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def make_folders(root):
    """A folder tree of pictures of two levels; two have the same file name."""
    for place in ("shoes/ankle_boots/a.jpg", "shoes/ankle_boots/b-1.PNG", "shoes/pumps/a.jpg", "hats/cap.jpg"):
        draw(root / place)
    (root / "notes.txt").write_text("no picture")
    return root


def make_shop(root):
    """A table of a shop whose columns have other names."""
    lines = ["photo,title,department,kind"]
    for number in range(12):
        lines.append(f"{number}.jpg,Thing {number},Shoes,{('Boots', 'Pumps')[number % 2]}")
        draw(root / f"pictures/{number}.jpg", (number * 20, 50, 90))
    (root / "export.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


CATEGORIES = ("art", "sport", "royalty_and_nobility")


def make_wikipedia(root, ending="mat", pictures=False, counts=(60, 24)):
    """The Wikipedia set in its true layout: `counts` pairs of training and test, features that tell the category."""
    random = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    features = {}
    for split, short, count in zip(("train", "test"), ("tr", "te"), counts, strict=True):
        kinds = np.arange(count) % len(CATEGORIES)
        for letter, width in (("I", 128), ("T", 10)):
            drawn = random.random((count, width)) + 3 * np.eye(len(CATEGORIES), width)[kinds]
            features[f"{letter}_{short}"] = drawn / drawn.sum(axis=1, keepdims=True)
        lines = [f"{split}text{n:03d}-{n % 3}\t{split}picture{n:03d}\t{kind + 1}" for n, kind in enumerate(kinds)]
        (root / f"{split}set_txt_img_cat.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for number, kind in enumerate(kinds) if pictures else ():
            colour = (number * 2 % 255, number % 255, 90 * len(split) % 255)
            draw(root / "images" / CATEGORIES[kind] / f"{split}picture{number:03d}.jpg", colour)
    if ending == "mat":
        savemat(root / "raw_features.mat", features)
    else:
        np.savez(root / "raw_features.npz", **features)
    (root / "categories.list").write_text("\n".join(CATEGORIES) + "\n", encoding="utf-8")
    return root
