// What Tessera is, what it cannot do, what happens to the user's data, and the licence. Facts only.
import { Anchor } from "@mantine/core";
import type { ReactNode } from "react";
import { version } from "../idle";
import { HASH } from "../router";
import classes from "./AboutPage.module.css";

export default function AboutPage(): ReactNode {
  return (
    <article className={classes.page}>
      <h1>About Tessera</h1>
      <p>
        Tessera runs research papers as experiments in a browser tab, on your own GPU and with your own files.
        Compute shaders in background workers do the work; this page shows it.
      </p>
      <h2>Privacy</h2>
      <p>
        Your files are read in this tab and stay on your machine. There is no account, no analytics and no
        server: the page's content-security policy forbids requests to anywhere but the place it was loaded
        from. Run records are kept in this browser's private storage until you delete them; export them if you
        need them elsewhere.
      </p>
      <h2>Limits</h2>
      <ul>
        <li>
          A browser with WebGPU is needed. Without a GPU, a software adapter gives the same numbers, slowly;
          times measured on one say nothing about a GPU.
        </li>
        <li>
          Memory is what the browser grants to one tab, often less than the card has. Workflows tell sizes
          before they run.
        </li>
        <li>
          Kernels run in 32-bit floats, or 16-bit ones where the device has them; there are no 64-bit floats
          on a GPU in a browser.
        </li>
        <li>
          Same parameters, same seed and same device give the same numbers. Another device may differ in the
          last digits.
        </li>
        <li>Clearing this site's data in the browser deletes all runs.</li>
      </ul>
      <p>
        Whether your GPU computes correctly can be seen under{" "}
        <Anchor href={HASH.gpu} inherit underline="always">
          Check my GPU
        </Anchor>
        .
      </p>
      <h2>Licence</h2>
      <p>
        Tessera is free software under the MIT licence. It contains React, Mantine, uPlot, comlink, zustand,
        fflate and Tabler Icons (MIT), and the Inter typeface (SIL Open Font License 1.1). The colour maps
        viridis and magma are in the public domain (CC0).
      </p>
      <p className={classes.version}>Version {version}</p>
    </article>
  );
}
