//! Builds again when the shipped book changes, which is part of the program.

fn main() {
    println!("cargo::rerun-if-changed=../../book");
}
