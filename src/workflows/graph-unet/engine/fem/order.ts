// An elimination order with little fill: minimum degree on the quotient graph, ties to the smaller number.
// Source: George and Liu, "The Evolution of the Minimum Degree Ordering Algorithm", SIAM Review 31(1), 1989.

/** @param edges pairs of different nodes, [edges, 2]. @returns the nodes in the order of elimination. */
export function minimumDegree(nodes: number, edges: Int32Array): Int32Array {
  const neighbours = Array.from({ length: nodes }, () => new Set<number>());
  for (let e = 0; e < edges.length; e += 2) {
    neighbours[edges[e]].add(edges[e + 1]);
    neighbours[edges[e + 1]].add(edges[e]);
  }
  /** An eliminated node stands for the clique of its neighbours; `cliquesOf` lists those a node is in. */
  const cliques: (number[] | null)[] = new Array(nodes).fill(null);
  const cliquesOf: number[][] = Array.from({ length: nodes }, () => []);
  const isGone = new Uint8Array(nodes);
  const degree = Int32Array.from(neighbours, (set) => set.size);
  const waiting: number[][] = Array.from({ length: nodes }, () => []);
  for (let v = nodes - 1; v >= 0; v--) waiting[degree[v]].push(v);
  const mark = new Int32Array(nodes).fill(-1);
  let stamp = 0;

  const reach = (v: number): number[] => {
    stamp++;
    mark[v] = stamp;
    const found: number[] = [];
    const visit = (w: number): void => {
      if (isGone[w] || mark[w] === stamp) return;
      mark[w] = stamp;
      found.push(w);
    };
    for (const w of neighbours[v]) visit(w);
    for (const clique of cliquesOf[v]) for (const w of cliques[clique]!) visit(w);
    return found;
  };

  const order = new Int32Array(nodes);
  let least = 0;
  for (let at = 0; at < nodes; at++) {
    let next = -1;
    while (next < 0) {
      const v = waiting[least].pop();
      if (v === undefined) least++;
      else if (!isGone[v] && degree[v] === least) next = v;
    }
    order[at] = next;
    const clique = reach(next);
    isGone[next] = 1;
    for (const absorbed of cliquesOf[next]) cliques[absorbed] = null;
    cliques[next] = clique;
    const inClique = new Set(clique);
    for (const v of clique) {
      cliquesOf[v] = cliquesOf[v].filter((c) => cliques[c]);
      cliquesOf[v].push(next);
      neighbours[v].delete(next);
      for (const w of neighbours[v]) if (inClique.has(w)) neighbours[v].delete(w);
    }
    for (const v of clique) {
      degree[v] = reach(v).length;
      waiting[degree[v]].push(v);
      least = Math.min(least, degree[v]);
    }
  }
  return order;
}
