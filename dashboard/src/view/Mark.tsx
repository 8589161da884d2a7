/** The product's mark: an eye that is a C. */
export function Mark(props: { readonly size: number }) {
  return (
    <svg width={props.size} height={props.size} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M23 10.5a9 9 0 1 0 0 11" fill="none" stroke="#45c4b0" strokeWidth="3.2" strokeLinecap="round" />
      <circle cx="16" cy="16" r="3" fill="#45c4b0" />
    </svg>
  );
}
