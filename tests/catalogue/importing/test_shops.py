"""Exports of shop systems and public data sets in their true layouts, read by the options that the page names."""

import csv
import io
import re
import shlex

import pandas as pd
import pytest

from huse.run import paths
from huse.run.params.all import check_params
from tests.catalogue.importing.layouts import draw
from tests.commands.conftest import error, huse, workplace  # noqa: F401  fixture
from tests.conftest import ROOT

PAGE = (ROOT / "docs/your-own-catalogue.md").read_text(encoding="utf-8")
CDN = "https://cdn.shopify.com/s/files/1/0001/0002/products"


def documented(shop):
    """The options that the page names for a shop system."""
    return shlex.split(
        re.search(rf"^\| {re.escape(shop)}[^|]*\| `([^`]+)` \|$", PAGE, re.MULTILINE)[1].replace(r"\|", "|")
    )


def table(header, *rows, delimiter=","):
    """A table with these columns, and cells given by column."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header.split(","), restval="", delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def shop(workplace):  # noqa: F811
    """Import a file with the options of a page, and pictures made for it; give the catalogue and what was said."""

    def shop(name, file, content, pictures, *options):
        (workplace / file).write_text(content, encoding="utf-8")
        for picture in pictures:
            draw(workplace / "pictures" / picture)
        result = huse("import", "table", file, "--images", "pictures", *documented(name), *options, "--apply")
        assert result.exit_code == 0, result.exception
        catalogue = pd.read_csv(paths.IMPORTED / "table.csv", dtype=str, keep_default_na=False)
        assert check_params(paths.PARAMS)["catalogue"].columns.product == "product"
        return catalogue[["image", "name", "classes", "product"]].to_numpy().tolist(), " ".join(result.stdout.split())

    return shop


SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,"
    "Variant Price,Image Src,Image Position,Image Alt Text,Gift Card,Variant Image,Status"
)


def test_shopify(shop):
    hats = "Apparel & Accessories > Clothing Accessories > Hats"
    content = table(
        SHOPIFY,
        {"Handle": "sun-hat", "Title": "Sun Hat", "Product Category": hats, "Image Src": f"{CDN}/sun%20hat.jpg?v=1571"},
        {"Handle": "sun-hat", "Option1 Value": "L", "Image Src": f"{CDN}/sun_hat-2.png?v=1572", "Image Position": "2"},
        {"Handle": "sun-hat", "Option1 Value": "XL"},
        {"Handle": "mug", "Title": "Mug, blue", "Product Category": "Home &amp; Garden &gt; Mugs"},
        {"Handle": "mug", "Image Src": f"{CDN}/mug.jpg?v=9"},
        {
            "Handle": "pan",
            "Title": "Pan",
            "Product Category": "Home & Garden > Pans",
            "Image Src": f"{CDN}/pan.jpg?v=9",
        },
        {"Handle": "pot", "Title": "Pot", "Product Category": "Home & Garden > Pots"},
    )
    rows, said = shop("Shopify", "products_export.csv", content, ["sun hat.jpg", "sun_hat-2.png", "mug.jpg"])
    path = "Apparel & Accessories<Clothing Accessories<Hats"
    assert rows == [
        ["sun hat.jpg", "Sun Hat", path, "sun-hat"],
        ["sun_hat-2.png", "Sun Hat", path, "sun-hat"],
        ["mug.jpg", "Mug, blue", "Home & Garden<Mugs", "mug"],
        ["", "Pot", "Home & Garden<Pots", "pot"],
        ["", "Pan", "Home & Garden<Pans", "pan"],
    ]
    for text in (
        "products, told by their ids 4",
        "rows with a name only 2; see catalogue.missing",
        "kept in part: 1 1 × no picture, kept by its name, the first: products_export.csv line 7, https://cdn.shopify.com",
        "repaired: 1 1 × HTML entities in the class",
        "3 pictures are named by URLs, and found by the URL's last part",
        "1 picture is named by URLs and not in the folder",
        "put the files into pictures, each with the last part of its URL as its name, such as pan.jpg",
        "3 rows take their name, class or split from a row above",
        "2 rows without a picture passed over",
    ):
        assert text in said


WOOCOMMERCE = (
    "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,Regular price,"
    "Categories,Tags,Shipping class,Images,Download limit,Parent,Grouped products,Upsells,Position"
)


def test_woocommerce(shop):
    site = "https://shop.example/wp-content/uploads"
    content = table(
        WOOCOMMERCE,
        {
            "ID": "1", "Type": "variable", "SKU": "TEE", "Name": "Tee",
            "Categories": "Clothing, Clothing > Shirts\\, tops > Tees, Sale",
            "Images": f"{site}/2020/01/tee.jpg, {site}/2020/02/back.jpg",
        },
        {"ID": "2", "Type": "simple", "Name": "Cap", "Categories": "Hats", "Images": f"{site}/2021/01/back.jpg"},
        {"ID": "3", "Type": "variation", "SKU": "R", "Name": "Tee - Red", "Parent": "TEE", "Images": f"{site}/r.jpg"},
        {"ID": "4", "Type": "variation", "Name": "Cap - Red", "Parent": "id:2", "Images": f"{site}/r.jpg"},
        {"ID": "5", "Type": "variation", "Name": "Cap - Blue", "Parent": "id:2"},
    )  # fmt: skip
    pictures = ["2020/01/tee.jpg", "2020/02/back.jpg", "2021/01/back.jpg", "r.jpg"]
    rows, said = shop("WooCommerce", "wc-product-export.csv", content, pictures)
    path = "Clothing<Shirts, tops<Tees"
    assert rows == [
        ["2020/01/tee.jpg", "Tee", path, "TEE"],
        ["2020/02/back.jpg", "Tee", path, "TEE"],
        ["2021/01/back.jpg", "Cap", "Hats", "2"],
        ["r.jpg", "Tee - Red", path, "TEE"],
        ["r.jpg", "Cap - Red", "Hats", "2"],
    ]
    assert "2 rows have several classes; of these --several-classes deepest" in said
    assert "1 row without a picture passed over" in said


def test_woocommerce_with_every_class(shop):
    content = table(
        WOOCOMMERCE,
        {"ID": "1", "SKU": "T", "Name": "Tee", "Categories": "Top, Top > Tees, Sale", "Images": "tee.jpg"},
    )
    rows, _ = shop("WooCommerce", "export.csv", content, ["tee.jpg"], "--several-classes", "all")
    assert [row[2] for row in rows] == ["Top<Tees", "Sale"]


MAGENTO = (
    "sku,store_view_code,attribute_set_code,product_type,categories,product_websites,name,description,price,url_key,"
    "base_image,base_image_label,small_image,thumbnail_image,created_at,additional_attributes,qty,additional_images,"
    "additional_image_labels,hide_from_product_page"
)


def test_magento(shop):
    categories = "Default Category/Gear,Default Category/Gear/Bags"
    content = table(
        MAGENTO,
        {
            "sku": "24-MB01", "product_type": "simple", "categories": categories, "name": "Joust Duffle",
            "base_image": "/m/b/mb01-blue-0.jpg", "additional_images": "/m/b/mb01-blue-0.jpg,/_/x/_x.jpg",
        },
        {"sku": "24-MB01", "store_view_code": "de", "name": "Reisetasche", "base_image": "__EMPTY__VALUE__"},
        {"sku": "24-MB02", "categories": categories, "name": "Backpack", "base_image": "no_selection"},
        {"sku": "24-MB03", "categories": "Default Category", "name": "Card", "base_image": "/m/b/mb03.jpg"},
    )  # fmt: skip
    pictures = ["m/b/mb01-blue-0.jpg", "_/x/_x.jpg", "m/b/mb03.jpg"]
    rows, said = shop("Magento 2", "catalog_product.csv", content, pictures)
    assert rows == [
        ["m/b/mb01-blue-0.jpg", "Joust Duffle", "Gear<Bags", "24-MB01"],
        ["_/x/_x.jpg", "Joust Duffle", "Gear<Bags", "24-MB01"],
        ["", "Backpack", "Gear<Bags", "24-MB02"],
    ]
    assert "1 × no class, or an empty level, the first: catalog_product.csv line 5, m/b/mb03.jpg" in said
    assert "1 row without a picture passed over" in said


def test_magento_1(shop):
    content = table(
        "sku,_store,_attribute_set,_type,_category,_root_category,_product_websites,image,name,price,_media_image",
        {"sku": "msj000", "_category": "Men/Shirts", "image": "/m/s/msj000t_1.jpg", "name": "French Cuff Shirt",
         "_media_image": "/m/s/msj000t_1.jpg"},
        {"_store": "german", "name": "Hemd"},
        {"_category": "Men/Shirts/French Cuffs", "_media_image": "/m/s/msj000b_1.jpg"},
        {"_category": "Sale"},
        {"sku": "msj001", "_category": "Men/Ties", "image": "no_selection", "name": "Tie"},
    )  # fmt: skip
    rows, said = shop("Magento 1", "products.csv", content, ["m/s/msj000t_1.jpg", "m/s/msj000b_1.jpg"])
    # The row of the store view has a name of its own, and none of the pictures. Each of the first three rows of the
    # product has another of its classes, which say nothing of the picture beside.
    assert rows == [
        ["m/s/msj000t_1.jpg", "French Cuff Shirt", "Men<Shirts<French Cuffs", "msj000"],
        ["m/s/msj000b_1.jpg", "French Cuff Shirt", "Men<Shirts<French Cuffs", "msj000"],
        ["", "Tie", "Men<Ties", "msj001"],
    ]
    assert "2 rows have several classes; of these --several-classes deepest" in said


def test_prestashop(shop):
    content = (
        '"Product ID";"Active (0/1)";"Name *";"Categories (x,y,z...)";"Reference #";"Image URLs (x,y,z...)"\n'
        '"1";"1";"Mug";"Home,Accessories,Mugs";"demo";'
        '"https://shop.example/img/p/1/1-large.jpg,https://shop.example/img/p/2/2-large.jpg"\n'
    )
    rows, _ = shop("PrestaShop", "products_import.csv", content, ["1/1-large.jpg", "2/2-large.jpg"])
    assert rows == [[f"{n}/{n}-large.jpg", "Mug", "Accessories<Mugs", "1"] for n in "12"]


def test_bigcommerce(shop):
    content = table(
        "Item Type,Product ID,Product Name,Product Code/SKU,Category,Product Image File - 1,Product Image File - 2",
        {"Item Type": "Product", "Product ID": "200", "Product Name": "Pan", "Category": "Home/Pots;Home/Pots/Pans",
         "Product Image File - 1": "h/021/pan__10.jpg", "Product Image File - 2": "h/021/pan_2__11.jpg"},
        *({"Item Type": "  SKU", "Product ID": str(id), "Product Name": f"[S]Size={id}"} for id in range(3)),
    )  # fmt: skip
    rows, said = shop("BigCommerce", "products.csv", content, ["h/021/pan__10.jpg", "h/021/pan_2__11.jpg"])
    assert rows == [[f"h/021/{name}.jpg", "Pan", "Home<Pots<Pans", "200"] for name in ("pan__10", "pan_2__11")]
    assert "3 × no class, or an empty level, the first: products.csv line 3" in said


def test_etsy(shop):
    images = [f"IMAGE{number}" for number in range(1, 11)]
    content = table(
        f"TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,{','.join(images)},VARIATION 1 TYPE,SKU",
        {"TITLE": "Rings &amp; more", "TAGS": "gold_ring,gift", "SKU": "R1",
         "IMAGE1": "https://i.etsystatic.com/1/r/il/a/9/il_fullxfull.9_a.jpg"},
        {"TITLE": "Mug", "TAGS": "mug", "IMAGE1": "https://i.etsystatic.com/1/r/il/b/8/il_fullxfull.8_b.jpg"},
    )  # fmt: skip
    pictures = ["il_fullxfull.9_a.jpg", "il_fullxfull.8_b.jpg"]
    rows, _ = shop("Etsy", "EtsyListingsDownload.csv", content, pictures)
    assert rows == [[pictures[0], "Rings & more", "gold_ring", "R1"], [pictures[1], "Mug", "mug", ""]]


def test_shopware(shop, workplace):  # noqa: F811
    (workplace / "categories.csv").write_text("id;parent_id;name;breadcrumb\nc1;;Pans;Home|Kitchen|Pans\n")
    site = "https://shop.example/media/1a/2b"
    content = table(
        "id,parent_id,product_number,name,cover_media_url,categories,media",
        {"id": "p1", "product_number": "SW1", "name": "Pan", "cover_media_url": f"{site}/a.jpg", "categories": "c1",
         "media": f"{site}/a.jpg|{site}/b.jpg"},
        {"id": "p2", "parent_id": "p1", "product_number": "SW1.1", "cover_media_url": f"{site}/c.jpg"},
        {"id": "p3", "parent_id": "p1", "product_number": "SW1.2"},
        delimiter=";",
    )  # fmt: skip
    rows, said = shop("Shopware 6", "products.csv", content, [f"1a/2b/{letter}.jpg" for letter in "abc"])
    assert rows == [[f"1a/2b/{letter}.jpg", "Pan", "Kitchen<Pans", "p1"] for letter in "abc"]
    assert "1 row without a picture passed over" in said


GOOGLE = [
    {
        "id": "TV-1", "title": "Television & stand", "link": "https://shop.example/tv", "product_type": "Home > TVs",
        "google_product_category": "404", "image_link": "https://shop.example/a.jpg",
        "additional_image_link": "https://shop.example/b.jpg,https://shop.example/c.jpg",
    },
    {
        "id": "TEE-S", "title": "Tee, S", "item_group_id": "TEE", "product_type": "Clothing > Tees",
        "google_product_category": "212", "image_link": "https://shop.example/d.jpg?w=80",
    },
]  # fmt: skip
GOOGLE_ROWS = [
    ["a.jpg", "Television & stand", "Home<TVs", "TV-1"],
    ["b.jpg", "Television & stand", "Home<TVs", "TV-1"],
    ["c.jpg", "Television & stand", "Home<TVs", "TV-1"],
    ["d.jpg", "Tee, S", "Clothing<Tees", "TEE"],
]
FEED = "id,title,description,link,image_link,additional_image_link,google_product_category,product_type,item_group_id"
PICTURES = [f"{letter}.jpg" for letter in "abcd"]


def test_google_merchant_as_text(shop):
    content = table(FEED, *GOOGLE, delimiter="\t")
    rows, said = shop("Google Merchant", "feed.txt", content, PICTURES)
    assert rows == GOOGLE_ROWS
    assert "fields are separated by tabs" in said


def test_google_categories_by_their_numbers(shop, workplace):  # noqa: F811
    (workplace / "taxonomy-with-ids.en-US.txt").write_text(
        "# Google_Product_Taxonomy_Version: 2021-09-21\n404 - Electronics > Video > Televisions\n"
        "212 - Apparel & Accessories > Clothing > Shirts & Tops\n1 - Animals & Pet Supplies\n"
    )
    content = table(FEED, *GOOGLE, {"id": "x", "google_product_category": "77"}, delimiter="\t")
    rows, said = shop("Google's numbers of categories", "feed.txt", content, PICTURES)
    found = {row[2] for row in rows}
    assert found == {"Electronics<Video<Televisions", "Apparel & Accessories<Clothing<Shirts & Tops"}
    assert (
        "joined by column google_product_category: 2 rows; 1 row of taxonomy-with-ids.en-US.txt not asked for" in said
    )
    assert "1 × no row in taxonomy-with-ids.en-US.txt, the first: feed.txt line 4, 77" in said


RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title>
<item><g:id>TV-1</g:id><title><![CDATA[Television & stand]]></title><link>https://shop.example/tv</link>
<g:product_type>Home &gt; TVs</g:product_type><g:image_link>https://shop.example/a.jpg</g:image_link>
<g:additional_image_link>https://shop.example/b.jpg</g:additional_image_link>
<g:additional_image_link>https://shop.example/c.jpg</g:additional_image_link>
<g:shipping><g:country>DE</g:country></g:shipping></item>
<item><title>Shirt</title><g:title>Tee, S</g:title><g:id>TEE-S</g:id><g:item_group_id>TEE</g:item_group_id>
<g:product_type>Clothing &amp;gt; Tees</g:product_type><g:image_link>https://shop.example/d.jpg?w=80</g:image_link></item>
</channel></rss>
"""
ATOM = (
    RSS.replace('<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>', "<feed "
    'xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">')
    .replace("</channel></rss>", "</feed>").replace("item>", "entry>")
)  # fmt: skip


@pytest.mark.parametrize("feed", [RSS, ATOM, RSS.partition("\n")[2]], ids=["RSS", "Atom", "without declaration"])
def test_google_merchant_in_xml(shop, feed):
    rows, said = shop("Google Merchant", "feed.xml", feed, PICTURES)
    assert rows == GOOGLE_ROWS
    assert "a feed in XML" in said


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_feed_in_a_wide_encoding_is_read(workplace, encoding):  # noqa: F811
    feed = RSS.replace("Television", "T\u00e9l\u00e9vision")  # which declares UTF-8
    (workplace / "feed.xml").write_bytes(feed.encode(encoding))
    for picture in PICTURES:
        draw(workplace / "pictures" / picture)
    assert huse("import", "table", "feed.xml", "--images", "pictures", *documented("Google Merchant")).exit_code == 0
    table = pd.read_csv(paths.IMPORTED / "table.csv")
    assert table["name"].tolist() == [*["T\u00e9l\u00e9vision & stand"] * 3, "Tee, S"]


def test_repeated_classes_of_a_feed_are_several(shop):
    feed = RSS.replace("<g:product_type>Home &gt; TVs<", "<g:product_type>Shoes</g:product_type><g:product_type>Sale<")
    rows, said = shop("Google Merchant", "feed.xml", feed, PICTURES)
    assert [row[2] for row in rows] == ["Shoes"] * 3 + ["Clothing<Tees"]
    assert "1 row has several classes; of these --several-classes deepest" in said
    assert "taken as the levels" not in said


@pytest.mark.parametrize(
    ("feed", "reason"),
    [
        (f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>{RSS[39:]}', "document type r"),
        ('<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>', "document type r"),
        (RSS[:-20], "expected a product feed in XML; "),
        (RSS.encode("utf-16")[:-1], "expected a product feed in XML; 'utf-16-le' codec can't decode byte"),
        ("<rss><channel/></rss>", "expected a product feed with <item> or <entry>, found none in <rss>"),
    ],
)
def test_what_is_no_feed_is_refused(workplace, feed, reason):  # noqa: F811
    (workplace / "feed.xml").write_bytes(feed if isinstance(feed, bytes) else feed.encode())
    draw(workplace / "pictures/a.jpg")
    assert reason in error("import", "table", "feed.xml", "--images", "pictures", *documented("Google Merchant"))


def test_flipkart(shop):
    content = table(
        "uniq_id,crawl_timestamp,product_url,product_name,product_category_tree,pid,retail_price,image,brand",
        {
            "uniq_id": "c2d7", "product_name": "Alisha Cycling Shorts",
            "product_category_tree": '["Clothing >> Women\'s Clothing >> Shorts >> Alisha Shorts >> Alisha Sol..."]',
            "image": '["http://img5a.flixcart.com/image/short/u/4/a/one.jpeg", "http://img5a.flixcart.com/two.jpeg"]',
        },
        {"uniq_id": "f44c", "product_name": "Sofa", "product_category_tree": '["Furniture >> Sofas"]', "image": "[]"},
    )  # fmt: skip
    rows, _ = shop("Flipkart", "flipkart_com-ecommerce_sample.csv", content, ["one.jpeg", "two.jpeg"])
    path = "Clothing<Women's Clothing<Shorts"
    shorts = [[f"{name}.jpeg", "Alisha Cycling Shorts", path, "c2d7"] for name in ("one", "two")]
    assert rows == [*shorts, ["", "Sofa", "Furniture<Sofas", "f44c"]]


def test_h_and_m(shop):
    content = table(
        "article_id,product_code,prod_name,product_type_name,product_group_name,index_group_name,detail_desc",
        {"article_id": "0108775015", "product_code": "0108775", "prod_name": "Strap top", "detail_desc": "Jersey top.",
         "product_type_name": "Vest top", "product_group_name": "Garment Upper body", "index_group_name": "Ladieswear"},
        {"article_id": "0111565001", "product_code": "0111565", "prod_name": "20 den 1p Stockings",
         "product_type_name": "Underwear", "product_group_name": "Socks & Tights", "index_group_name": "Ladieswear"},
    )  # fmt: skip
    rows, said = shop("H&M", "articles.csv", content, ["010/0108775015.jpg"])
    assert rows == [
        ["010/0108775015.jpg", "Strap top", "Ladieswear<Garment Upper body<Vest top", "0108775"],
        ["", "20 den 1p Stockings", "Ladieswear<Socks & Tights<Underwear", "0111565"],
    ]
    assert "1 × no picture, kept by its name, the first: articles.csv line 3, 011/0111565001.jpg" in said


def test_rakuten(shop, workplace):  # noqa: F811
    (workplace / "Y_train.csv").write_text(",prdtypecode\n2,2280\n0,10\n1,50\n0,60\n")
    content = (
        ",designation,description,productid,imageid\n0,Olivia: notes,,3804725264,1263597046\n"
        '1,"Jeu, neuf",<p>oui</p>,436067568,1008141237\n9,Rien,,1,2\n'
    )
    pictures = ["image_1263597046_product_3804725264.jpg", "image_1008141237_product_436067568.jpg"]
    rows, said = shop("Rakuten", "X_train.csv", content, pictures)
    assert rows == [[pictures[0], "Olivia: notes", "10", "3804725264"], [pictures[1], "Jeu, neuf", "50", "436067568"]]
    assert "1 × no row in Y_train.csv, the first: X_train.csv line 4, 9" in said
    assert "1 × a second row of a key, the first: Y_train.csv line 5, 0" in said
    assert "joined by the column without a header: 2 rows; 1 row of Y_train.csv not asked for" in said
