import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "apps/**/*.test.ts", "bench/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    // Processes and not threads: tests start servers, send signals and use up memory.
    pool: "forks",
    // Most files wait for one PostgreSQL; more at once on two cores only makes each slower.
    maxWorkers: 2,
    globalSetup: "packages/server/test/support/postgres-global.ts",
    // Generous: a slow machine must not fail a test that is only waiting.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 15_000 } },
  },
});
