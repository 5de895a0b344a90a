"""SimpleITK as one name without types: the package says it is typed, but its calls are not."""

from typing import Any

import SimpleITK

itk: Any = SimpleITK
