// A run as an npz file with the names and node types of DeepMind's deforming plate, so that code for MeshGraphNets
// reads it: plate and disc are one mesh, the disc's nodes follow those of the plate.
import { encodeNpz } from "../../../../formats/npz";
import { bilinear, gridMesh, type Mesh } from "../fem/mesh";
import { discAt, FRAMES, type PlateSettings, plateCorners, YOUNG } from "./plate";
import type { Run } from "./simulate";

export const NODE_TYPES = { free: 0, obstacle: 1, clamped: 3 } as const;

/** The disc of radius 1 as a mesh of 57 nodes and 80 triangles: a centre and rings of 8, 16 and 32. */
export function discMesh(): Mesh {
  const positions = [0, 0];
  const triangles: number[] = [];
  for (const [ring, count] of [8, 16, 32].entries()) {
    const start = positions.length / 2;
    for (let i = 0; i < count; i++) {
      const angle = (2 * Math.PI * i) / count;
      positions.push(((ring + 1) / 3) * Math.cos(angle), ((ring + 1) / 3) * Math.sin(angle));
    }
    const half = count / 2;
    for (let i = 0; i < (ring === 0 ? count : half); i++) {
      if (ring === 0) {
        triangles.push(0, start + i, start + ((i + 1) % count));
        continue;
      }
      const [inner, next] = [start - half + i, start - half + ((i + 1) % half)];
      const [a, b, c] = [start + 2 * i, start + 2 * i + 1, start + ((2 * i + 2) % count)];
      triangles.push(inner, a, b, inner, b, next, next, b, c);
    }
  }
  return { positions: Float64Array.from(positions), triangles: Int32Array.from(triangles) };
}

/** Arrays: world_pos [T, N, 2], mesh_pos [N, 2], node_type [N, 1], cells [M, 3], stress [T, N, 1], force [T, 2], … */
export function encodeRun({ plate, positions, stress, force }: Run, { cells }: PlateSettings): Uint8Array {
  const grid = gridMesh(cells, cells, bilinear(plateCorners(plate)));
  const round = discMesh();
  const nodes = grid.positions.length / 2;
  const all = nodes + round.positions.length / 2;
  const world = new Float32Array(FRAMES * all * 2);
  const stresses = new Float32Array(FRAMES * all);
  for (let frame = 0; frame < FRAMES; frame++) {
    world.set(positions.subarray(frame * nodes * 2, (frame + 1) * nodes * 2), frame * all * 2);
    stresses.set(stress.subarray(frame * nodes, (frame + 1) * nodes), frame * all);
    const at = discAt(plate, frame);
    for (let i = 0; i < round.positions.length; i++)
      world[(frame * all + nodes) * 2 + i] = at[i & 1] + plate.radius * round.positions[i];
  }
  const types = new Int32Array(all).fill(NODE_TYPES.obstacle, nodes).fill(NODE_TYPES.clamped, 0, cells + 1);
  const rest = new Float32Array(all * 2);
  rest.set(grid.positions);
  rest.set(world.subarray(nodes * 2, all * 2), nodes * 2);
  const triangles = [...grid.triangles, ...round.triangles.map((node) => node + nodes)];
  const scalar = (value: number) => ({ dtype: "F32" as const, shape: [1], data: Float32Array.of(value) });
  return encodeNpz({
    cells: { dtype: "I32", shape: [triangles.length / 3, 3], data: Int32Array.from(triangles) },
    mesh_pos: { dtype: "F32", shape: [all, 2], data: rest },
    node_type: { dtype: "I32", shape: [all, 1], data: types },
    world_pos: { dtype: "F32", shape: [FRAMES, all, 2], data: world },
    stress: { dtype: "F32", shape: [FRAMES, all, 1], data: stresses },
    force: { dtype: "F32", shape: [FRAMES, 2], data: Float32Array.from(force) },
    poisson_ratio: scalar(plate.poisson),
    young_modulus: scalar(YOUNG),
    disc_radius: scalar(plate.radius),
    disc_step: scalar(plate.step),
  });
}
