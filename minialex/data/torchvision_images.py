"""Pictures in files as torchvision's published weights want them: resized whole, then cropped."""

import numpy
from PIL import Image, ImageOps

from minialex.data.folder import FolderImages, opened


class TorchvisionImages(FolderImages):
    """FolderImages whose `read` gives the very pixels of torchvision's Resize and CenterCrop.

    resize: the length to which the shorter side is resized.

    FolderImages cuts first, decodes large JPEGs at a fraction of their size, and its centre is up to a pixel elsewhere: on 99
    of ImageNet's photographs its pixels differ from torchvision's by 4 of 255 on average.
    A camera's note that a picture lies on its side is followed, which torchvision leaves to others.
    """

    def __init__(self, paths, labels, image_size: int, channels: int = 3, resize: int = 256):
        super().__init__(paths, labels, image_size, channels, resize / image_size)
        self.resize = resize

    def _read_one(self, path, top, left, mirror):
        size = self.image_size
        with opened(path) as picture:
            ImageOps.exif_transpose(picture, in_place=True)
            picture = picture.convert("RGB" if self.channels == 3 else "L")
        width, height = (length * self.resize // min(picture.size) for length in picture.size)
        x, y = round(left * (width - size)), round(top * (height - size))
        whole = picture.resize((width, height), Image.Resampling.BILINEAR)
        pixels = numpy.asarray(whole.crop((x, y, x + size, y + size))).reshape(size, size, self.channels)
        return pixels[:, ::-1] if mirror else pixels
