"""Contact sheets: rows of pictures, the question left and the answers right. Knows nothing of databases."""

import io

from PIL import Image, ImageDraw, ImageFont, ImageOps

PICTURE = 190  # pixels, the side of the square a picture is fitted into
CAPTION = 64
GAP = 14
MARGIN = 28
HEADER = 92
INK, GREY, ACCENT, PAPER, MAT = "#1d2330", "#6b7280", "#1f5fbf", "#ffffff", "#f1f3f6"


def _font(size, bold=False):
    try:
        return ImageFont.truetype("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default()


TITLE, PLAIN, STRONG = _font(24, bold=True), _font(13), _font(13, bold=True)


class Cell:
    """A picture (its file's bytes, or None for no picture) with up to three lines of text under it."""

    def __init__(self, picture, *lines):
        self.picture, self.lines = picture, lines


def _thumbnail(picture):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(picture))).convert("RGB")
    scale = PICTURE / max(image.size)
    return image.resize([max(1, round(side * scale)) for side in image.size], Image.LANCZOS)


def _fit(draw, text, font):
    """The text, cut with an ellipsis where it is wider than a picture."""
    whole = text
    while draw.textlength(text, font=font) > PICTURE and len(whole) > 1:
        whole = whole[:-1]
        text = whole.rstrip() + "…"
    return text


def _draw_cell(sheet, draw, x, y, cell, is_question):
    square = (x, y, x + PICTURE - 1, y + PICTURE - 1)
    draw.rectangle(square, fill=MAT)
    if cell.picture is None:
        draw.line((x + 70, y + PICTURE // 2, x + PICTURE - 70, y + PICTURE // 2), fill=GREY, width=2)
    else:
        try:
            image = _thumbnail(cell.picture)
            sheet.paste(image, (x + (PICTURE - image.width) // 2, y + (PICTURE - image.height) // 2))
        except Exception as error:  # the server may read what PIL cannot
            draw.text((x + 8, y + 8), _fit(draw, f"not drawn: {error}", PLAIN), font=PLAIN, fill=GREY)
    if is_question:
        draw.rectangle((x - 4, y - 4, x + PICTURE + 3, y + PICTURE + 3), outline=ACCENT, width=3)
    for number, line in enumerate(cell.lines):
        font = PLAIN if number else STRONG
        color = GREY if number else (ACCENT if is_question else INK)
        draw.text((x, y + PICTURE + 8 + 18 * number), _fit(draw, line, font), font=font, fill=color)


def write_sheet(path, title, subtitle, rows):
    """rows: a list of (question, [answers]), all of them Cells."""
    columns = max((len(answers) for _, answers in rows), default=1)
    after_question = 3 * GAP
    width = 2 * MARGIN + PICTURE + after_question + columns * (PICTURE + GAP) - GAP
    row_height = PICTURE + CAPTION + GAP
    sheet = Image.new("RGB", (width, HEADER + len(rows) * row_height + MARGIN // 2), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 22), title, font=TITLE, fill=INK)
    draw.text((MARGIN, 56), subtitle, font=PLAIN, fill=GREY)
    for number, (question, answers) in enumerate(rows):
        y = HEADER + number * row_height
        _draw_cell(sheet, draw, MARGIN, y, question, is_question=True)
        line_x = MARGIN + PICTURE + after_question // 2
        draw.line((line_x, y, line_x, y + PICTURE), fill="#d5d9e0", width=1)
        for column, answer in enumerate(answers):
            x = MARGIN + PICTURE + after_question + column * (PICTURE + GAP)
            _draw_cell(sheet, draw, x, y, answer, is_question=False)
    sheet.save(path)
