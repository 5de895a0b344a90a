// Small pictures of native frames, made on this computer; each is asked for once.

import { asked } from "./send-survey.js";

const SIDE = 96;

/** Returns (source, side) → canvas, or null where there is no picture to show. */
export function thumbnails(cleaners) {
  return async (source, side = SIDE) => {
    if (!cleaners || !source.head?.is_native) return null;
    const { width, height, rgba } = await cleaners.ask({ do: "thumb", ...asked(source), side });
    if (!rgba) return null;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
    return canvas;
  };
}
