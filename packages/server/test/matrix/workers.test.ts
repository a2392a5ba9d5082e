import { openScene } from "../support/server.ts";
import { matrix } from "./matrix.ts";

matrix("two workers", async () => {
  const scene = await openScene("matrix_workers");
  return { servers: [await scene.start({ WORKERS: "2" })], close: scene.close };
});
