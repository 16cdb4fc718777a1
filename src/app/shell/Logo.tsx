// The mark of the studio and the small mosaics of the gallery: tiles whose pattern comes from a text. No pictures.
import type { ReactNode } from "react";
import { sampleColour } from "../../ui/colormaps";

/** Four tiles, one of them set apart. */
export function Logo(): ReactNode {
  return (
    <svg width={22} height={22} viewBox="0 0 22 22" aria-hidden>
      <rect x={1} y={1} width={9} height={9} rx={2} fill="#2853ab" />
      <rect x={12} y={1} width={9} height={9} rx={2} fill="#8dafef" />
      <rect x={1} y={12} width={9} height={9} rx={2} fill="#5080e0" />
      <rect x={13.4} y={13.4} width={7.2} height={7.2} rx={1.8} fill="#d2691e" transform="rotate(12 17 17)" />
    </svg>
  );
}

const COLUMNS = 24;
const ROWS = 5;

/** Strength of each tile in [0, 1], the same for the same text: a few wandering bands over noise. */
export function mosaicTiles(seed: string): number[] {
  let state = 2166136261;
  for (const character of seed) state = Math.imul(state ^ character.charCodeAt(0), 16777619) >>> 0;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const waves = Array.from({ length: 3 }, () => [
    0.15 + random() * 0.5,
    random() * 6.28,
    (random() - 0.5) * 1.6,
  ]);
  return Array.from({ length: COLUMNS * ROWS }, (_, i) => {
    const [x, y] = [i % COLUMNS, Math.floor(i / COLUMNS)];
    const wave =
      waves.reduce((sum, [pace, phase, slant]) => sum + Math.sin(x * pace + y * slant + phase), 0) / 3;
    return Math.min(1, Math.max(0, 0.45 + 0.42 * wave + 0.22 * (random() - 0.5)));
  });
}

/** A strip of tiles for a gallery card; decoration only. */
export function Mosaic(props: { seed: string }): ReactNode {
  return (
    <svg viewBox={`0 0 ${COLUMNS * 10} ${ROWS * 10}`} preserveAspectRatio="xMidYMid slice" aria-hidden>
      {mosaicTiles(props.seed).map((value, i) => {
        const [r, g, b] = sampleColour("viridis", 0.12 + 0.8 * value);
        const at = { x: (i % COLUMNS) * 10 + 0.6, y: Math.floor(i / COLUMNS) * 10 + 0.6 };
        // biome-ignore lint/suspicious/noArrayIndexKey: a tile is its place
        return <rect key={i} {...at} width={8.8} height={8.8} rx={1.6} fill={`rgb(${r} ${g} ${b})`} />;
      })}
    </svg>
  );
}
