//! The page is built apart; when it changes, so does the binary.

fn main() {
    println!("cargo:rerun-if-changed=../dashboard/dist");
}
