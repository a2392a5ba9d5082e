/**
 * Builds the app after an installation. It may be none that can: without Vite (no development dependencies), or on a
 * platform for which its compiler has no package. The server works all the same, and says at `/` what is missing.
 */
const directory = new URL("../", import.meta.url);

try {
  const { build } = await import("vite");
  await build({ root: directory.pathname, logLevel: "warn" });
} catch (error) {
  const why = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
  console.warn(`The web app was not built (${why}). \`npm run build\` does it; the server runs without.`);
}
