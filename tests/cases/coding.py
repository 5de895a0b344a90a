"""The transfer syntaxes of the corpus, and how an image comes into each."""

import base64
import io
import tempfile
from pathlib import Path

import gdcm  # type: ignore[import-untyped]  # it has no stubs
from pydicom import Dataset, dcmread, dcmwrite
from pydicom import uid as uids
from pydicom.encaps import encapsulate
from pydicom.uid import UID

PLAIN = (
    uids.ImplicitVRLittleEndian, uids.ExplicitVRLittleEndian, uids.ExplicitVRBigEndian,
    uids.DeflatedExplicitVRLittleEndian,
)  # fmt: skip
FILMS = (uids.MPEG2MPML, uids.MPEG4HP41)
_BY_GDCM = {
    uids.JPEGBaseline8Bit: "JPEGBaselineProcess1", uids.JPEGExtended12Bit: "JPEGExtendedProcess2_4",
    uids.JPEGLossless: "JPEGLosslessProcess14", uids.JPEGLosslessSV1: "JPEGLosslessProcess14_1",
    uids.JPEGLSNearLossless: "JPEGLSNearLossless", uids.JPEG2000: "JPEG2000",
}  # fmt: skip
_BY_PYDICOM = (uids.RLELossless, uids.JPEGLSLossless, uids.JPEG2000Lossless)
_HIGH_THROUGHPUT = (uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K)
COMPRESSED = (*_BY_PYDICOM, *_BY_GDCM, *_HIGH_THROUGHPUT)
# What a codec of a byte takes; all else is twelve bits.
BITS = {uids.JPEGBaseline8Bit: 8, uids.HTJ2KLossless: 8, uids.HTJ2KLosslessRPCL: 8, uids.HTJ2K: 8}


def compressed(dataset: Dataset, syntax: UID) -> bytes:
    """Return an image, whose pixels are plain, as a file in this transfer syntax."""
    if syntax in _BY_GDCM:
        return _by_gdcm(dataset, syntax)
    if syntax in _HIGH_THROUGHPUT:
        dataset.PixelData = encapsulate([_STREAM])
        dataset["PixelData"].is_undefined_length = True
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        dataset.compress(syntax, generate_instance_uid=False)
    return _written(dataset)


def _written(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _by_gdcm(dataset: Dataset, syntax: UID) -> bytes:
    """Only the codestream is its own: the header stays ours."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given"), Path(folder, "made")
        given.write_bytes(_written(dataset))
        reader, writer, change = gdcm.ImageReader(), gdcm.ImageWriter(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(str(given))
        assert reader.Read()
        kind = getattr(gdcm.TransferSyntax, _BY_GDCM[syntax])
        change.SetTransferSyntax(gdcm.TransferSyntax(kind))
        change.SetInput(reader.GetImage())
        assert change.Change(), syntax.name
        writer.SetFileName(str(made))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        pixels = dcmread(made)["PixelData"]
    dataset["PixelData"] = pixels
    dataset.file_meta.TransferSyntaxUID = syntax
    return _written(dataset)


# 32 by 32 pixels of a byte, a gradient, written by OpenJPH 0.26: no encoder of ours writes this form.
_STREAM = base64.b64decode(
    """
    /0//UQApQAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAABBwEB/1AACAACAAAAAv9SAAwAAgABAAUEBEAB/1wAEyBI
    UFBQUFBQUFBQUFBQSEhI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAI0AAf+TwCX9AId0AMASwBKA7ACHdACQAQd0
    AMATQBMA1v4AAnQASOQAI1QAwBPAFSCqqqCnwnUAohDiwAAB7LYAwBVwBWgkSZLnwKenp0J4ABAAAAD+/fJ798nsuADALQgFogAA
    AAD5/ynp6enp6enifABWVVVV/3hle/de/de/dey9AP/Z
    """
)
