// Energy density, first Piola stress and its derivative at one deformation gradient, for any law of singular values.
// Eigensystem: Smith, De Goes, Kim, "Analytic Eigensystems for Isotropic Distortion Energies", TOG 38(1), 2019.
import type { Law, LawValues, Moduli } from "./laws";

/** Room that is used again for every element. Matrices are row-major: F is [F00, F01, F10, F11]. */
export class StressPoint {
  energy = 0;
  readonly piola = new Float64Array(4);
  /** d piola / d F, [4, 4]. */
  readonly tangent = new Float64Array(16);
  private readonly values: LawValues = { energy: 0, a: 0, b: 0, aa: 0, ab: 0, bb: 0, twist: 0, flip: 0 };
  private readonly modes = Array.from({ length: 4 }, () => new Float64Array(4));

  constructor(
    private readonly law: Law,
    private readonly moduli: Moduli,
  ) {}

  /** Energy only. Infinite where the law forbids F. */
  density(f0: number, f1: number, f2: number, f3: number): number {
    const large = (Math.hypot(f0 + f3, f2 - f1) + Math.hypot(f0 - f3, f1 + f2)) / 2;
    this.law(large, (f0 * f3 - f1 * f2) / large, this.moduli, this.values);
    return this.values.energy;
  }

  /** Everything. `project`: negative eigenvalues of the tangent become zero. */
  evaluate(f0: number, f1: number, f2: number, f3: number, project: boolean): void {
    const large = (Math.hypot(f0 + f3, f2 - f1) + Math.hypot(f0 - f3, f1 + f2)) / 2;
    const { values, piola, modes } = this;
    this.law(large, (f0 * f3 - f1 * f2) / large, this.moduli, values);
    this.energy = values.energy;
    // F = rotation(left) diag(large, small) rotation(right)
    const sum = Math.atan2(f2 - f1, f0 + f3);
    const difference = Math.atan2(f2 + f1, f0 - f3);
    const left = (sum + difference) / 2;
    const right = (sum - difference) / 2;
    const [c, s] = [Math.cos(left), Math.sin(left)];
    const [d, t] = [Math.cos(right), Math.sin(right)];
    const half = Math.SQRT1_2;
    set(modes[0], c * d, -c * t, s * d, -s * t);
    set(modes[1], -s * t, -s * d, c * t, c * d);
    set(
      modes[2],
      half * -(s * d + c * t),
      half * (s * t - c * d),
      half * (c * d - s * t),
      half * -(c * t + s * d),
    );
    set(
      modes[3],
      half * (c * t - s * d),
      half * (s * t + c * d),
      half * (s * t + c * d),
      half * (s * d - c * t),
    );
    for (let k = 0; k < 4; k++) piola[k] = values.a * modes[0][k] + values.b * modes[1][k];
    let { aa, ab, bb, twist, flip } = values;
    if (project) {
      twist = Math.max(0, twist);
      flip = Math.max(0, flip);
      [aa, ab, bb] = clamp(aa, ab, bb);
    }
    const [p, q, u, v] = modes;
    for (let k = 0; k < 4; k++)
      for (let l = 0; l < 4; l++)
        this.tangent[4 * k + l] =
          aa * p[k] * p[l] +
          ab * (p[k] * q[l] + q[k] * p[l]) +
          bb * q[k] * q[l] +
          twist * u[k] * u[l] +
          flip * v[k] * v[l];
  }
}

function set(out: Float64Array, a: number, b: number, c: number, d: number): void {
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
}

/** The symmetric matrix [[aa, ab], [ab, bb]] without its negative part. */
function clamp(aa: number, ab: number, bb: number): [number, number, number] {
  if (aa >= 0 && aa * bb - ab * ab >= 0) return [aa, ab, bb];
  const radius = Math.hypot((aa - bb) / 2, ab);
  const high = (aa + bb) / 2 + radius;
  if (high <= 0) return [0, 0, 0];
  // Only the larger eigenvalue stays, with its eigenvector at this angle.
  const angle = Math.atan2(2 * ab, aa - bb) / 2;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [high * c * c, high * c * s, high * s * s];
}
