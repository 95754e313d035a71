"""Public layouts in small, drawn."""

from PIL import Image


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
