/** The same shape as `public/favicon.svg`. */
export function Logo({ size = 28 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path
        fill="var(--accent-solid)"
        d="M6 3h20a4 4 0 0 1 4 4v13a4 4 0 0 1-4 4H14.5l-6.3 5.1A.75.75 0 0 1 7 28.5V24H6a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z"
      />
      <path
        fill="none"
        stroke="#fff"
        strokeWidth="2.4"
        strokeLinecap="round"
        d="M8.5 13.5v1M12.25 10.5v7M16 8.5v11M19.75 10.5v7M23.5 13.5v1"
      />
    </svg>
  );
}
