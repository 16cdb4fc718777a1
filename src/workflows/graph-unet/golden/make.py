"""Golden values for the finite-element solver, by other means than its own.

Laws: energies written in terms of F by tensor invariants, stresses and tangents by automatic differentiation.
Equilibria: the potential of a small plate under a disc, minimised by SciPy's trust region with gradients by automatic
differentiation, in float64. Run: python make.py (needs numpy, scipy, torch; the product needs none of them).
"""

import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import scipy
import torch
from scipy.optimize import minimize

torch.set_default_dtype(torch.float64)
HERE = Path(__file__).parent


def moduli(young, poisson, state):
    """Shear modulus and bulk modulus of the plane, from the Lame constants of three dimensions."""
    mu = young / (2 * (1 + poisson))
    lam = young * poisson / ((1 + poisson) * (1 - 2 * poisson))
    if state == "plane-stress":
        lam = 2 * lam * mu / (lam + 2 * mu)
    return mu, lam + mu


def split(f, mu, kappa):
    j = torch.det(f)
    return mu / 2 * (torch.sum(f * f, dim=(-2, -1)) / j - 2) + kappa / 4 * (j * j - 1 - 2 * torch.log(j))


def corotational(f, mu, kappa):
    """In the plane |F - R|^2 and tr(R'F) follow from tr(F'F) and det F: tr S = sqrt(tr F'F + 2 det F)."""
    square = torch.sum(f * f, dim=(-2, -1))
    trace = torch.sqrt(square + 2 * torch.det(f))
    return mu * (square - 2 * trace + 2) + (kappa - mu) / 2 * (trace - 2) ** 2


LAWS = {"split": split, "corotational": corotational}


def law_values():
    rng = np.random.default_rng(1)
    found = []
    for law in LAWS:
        for state in ("plane-stress", "plane-strain"):
            for poisson in (-0.9, 0.0, 0.49):
                for _ in range(2):
                    f = np.eye(2) + 0.35 * rng.standard_normal((2, 2))
                    while np.linalg.det(f) < 0.1:
                        f = np.eye(2) + 0.35 * rng.standard_normal((2, 2))
                    mu, kappa = moduli(3.0, poisson, state)
                    x = torch.tensor(f, requires_grad=True)
                    density = lambda a: LAWS[law](a, mu, kappa)
                    energy = density(x)
                    (stress,) = torch.autograd.grad(energy, x)
                    tangent = torch.autograd.functional.hessian(density, x.detach()).reshape(4, 4)
                    found.append({
                        "law": law, "state": state, "poisson": poisson, "young": 3.0,
                        "f": f.ravel().tolist(), "energy": energy.item(),
                        "piola": stress.flatten().tolist(), "tangent": tangent.flatten().tolist(),
                    })
    return found


def grid(cells, top, shift):
    line = np.linspace(0, 1, cells + 1)
    v, u = np.meshgrid(line, line, indexing="ij")
    width = 1 - v + v * top / 2
    x = v * shift + width * (2 * u - 1)
    nodes = np.stack([x.ravel(), (2 * v - 1).ravel()], axis=1)
    triangles = []
    for j in range(cells):
        for i in range(cells):
            a = j * (cells + 1) + i
            triangles += [[a, a + 1, a + cells + 2], [a, a + cells + 2, a + cells + 1]]
    return nodes, np.array(triangles)


def segment_distances(p, a, b):
    e = b - a
    w = torch.clamp(torch.sum((p - a) * e, dim=1) / torch.sum(e * e, dim=1), 0, 1)
    return torch.linalg.norm(p - a - w[:, None] * e, dim=1)


def equilibria():
    found = []
    for poisson in (-0.9, 0.0, 0.49):
        cells, top, shift, young, radius, px = 4, 1.2, 0.2, 5000.0, 0.45, 0.1
        nodes, triangles = grid(cells, top, shift)
        mu, kappa = moduli(young, poisson, "plane-stress")
        barrier, stiffness = 0.02, 0.3 / 0.04 * young
        rest = torch.tensor(nodes)
        t = torch.tensor(triangles)
        dm = torch.stack([rest[t[:, 1]] - rest[t[:, 0]], rest[t[:, 2]] - rest[t[:, 0]]], dim=2)
        area = torch.det(dm) / 2
        inverse = torch.linalg.inv(dm)
        ring = [(i, i + 1) for i in range(cells)]
        n = cells + 1
        ring = ring + [(j * n + cells, (j + 1) * n + cells) for j in range(cells)]
        ring += [(cells * n + i + 1, cells * n + i) for i in range(cells)]
        ring += [((j + 1) * n, j * n) for j in range(cells)]
        ring = torch.tensor(ring)
        free = torch.arange(n, len(nodes))

        def potential(x, centre):
            ds = torch.stack([x[t[:, 1]] - x[t[:, 0]], x[t[:, 2]] - x[t[:, 0]]], dim=2)
            f = ds @ inverse
            gap = segment_distances(centre, x[ring[:, 0]], x[ring[:, 1]]) - radius
            if torch.any(torch.det(f) <= 0) or torch.any(gap <= 0):
                return None
            near = gap[gap < barrier]
            return torch.sum(area * split(f, mu, kappa)) - stiffness * torch.sum(
                (near - barrier) ** 2 * torch.log(near / barrier))

        x = rest.clone()
        height = 1 + radius + 0.03
        depth = 0.0
        while depth < 0.4 - 1e-12:
            depth = min(0.4, depth + 0.02)
            centre = torch.tensor([px, height - depth])

            def whole(z):
                y = x.clone()
                y[free] = z.reshape(-1, 2)
                return potential(y, centre)

            def value(z):
                z = torch.tensor(z, requires_grad=True)
                energy = whole(z)
                if energy is None:
                    return 1e30, np.zeros(len(z))
                (slope,) = torch.autograd.grad(energy, z)
                return energy.item() / young, slope.numpy() / young

            # The plate's top moves with the disc first, so that the start is admissible.
            start = x[free].clone()
            if potential(x, centre) is None:
                reach = (rest[free, 1] + 1) / 2
                start[:, 1] -= 0.025 * reach
            z0 = start.flatten().numpy()
            def hess(z):
                z = torch.tensor(z)
                if whole(z) is None:
                    return np.eye(len(z))
                return torch.autograd.functional.hessian(lambda q: whole(q) / young, z).numpy()

            result = minimize(value, z0, jac=True, hess=hess, method="trust-exact", options={"gtol": 1e-11, "maxiter": 500})
            x[free] = torch.tensor(result.x).reshape(-1, 2)
        _, slope = value(result.x)
        energy = potential(x, centre).item()
        found.append({
            "poisson": poisson, "cells": cells, "top": top, "shift": shift, "radius": radius, "x": px, "depth": 0.4,
            "residual": float(np.abs(slope).max()), "energy": energy, "positions": x.flatten().tolist(),
        })
        print(poisson, energy, np.abs(slope).max())
    return found


if __name__ == "__main__":
    text = json.dumps({"laws": law_values(), "equilibria": equilibria()}, indent=1)
    (HERE / "fem.json").write_text(text + "\n")
    manifest = {
        "made_by": "make.py", "licence": "MIT, made for this project", "seed": 1,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
                     "torch": torch.__version__.split("+")[0]},
        "sha256": {"fem.json": hashlib.sha256((HERE / "fem.json").read_bytes()).hexdigest()},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
