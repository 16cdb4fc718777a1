// Which files a drop zone takes, judged by their names only.

/** Why a file name is not accepted, or undefined. Extensions come with their dot; case does not count. */
export function extensionProblem(name: string, extensions: readonly string[]): string | undefined {
  if (extensions.some((extension) => name.toLowerCase().endsWith(extension.toLowerCase()))) return undefined;
  const list = extensions.join(", ").replace(/, ([^,]*)$/, " or $1");
  return `A file ending in ${list} is needed, got "${name}".`;
}
