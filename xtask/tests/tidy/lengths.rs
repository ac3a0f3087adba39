//! How long a file and a function may be. Every code base grows files of thousands of lines; only counting prevents it.

use crate::tree::File;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

pub(crate) fn complaints(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        complaints.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", file.path));
    }
    match syn::parse_file(&file.text) {
        Ok(syntax) => {
            let mut functions = Functions { path: &file.path, complaints };
            functions.visit_file(&syntax);
            functions.complaints
        }
        Err(error) => {
            complaints.push(format!("{}: {error}", file.path));
            complaints
        }
    }
}

struct Functions<'a> {
    path: &'a str,
    complaints: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        let lines = last + 1 - first;
        if lines > FUNCTION_LINES_MAX {
            let (path, name) = (self.path, &signature.ident);
            self.complaints.push(format!("{path}:{first}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }
    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: String) -> File {
        File { path: "x.rs".into(), text }
    }

    #[test]
    fn a_long_function_is_caught() {
        let body = |lines| format!("impl X {{\n    fn long() {{\n{}    }}\n}}\n", "        step();\n".repeat(lines));
        assert!(complaints(&file(body(FUNCTION_LINES_MAX - 2))).is_empty());
        assert_eq!(
            complaints(&file(body(FUNCTION_LINES_MAX - 1))),
            [format!("x.rs:2: `long` has {} lines, at most {FUNCTION_LINES_MAX}", FUNCTION_LINES_MAX + 1)]
        );
    }

    #[test]
    fn a_long_file_is_caught() {
        assert!(complaints(&file("//\n".repeat(FILE_LINES_MAX))).is_empty());
        assert_eq!(complaints(&file("//\n".repeat(FILE_LINES_MAX + 1))).len(), 1);
    }

    #[test]
    fn what_does_not_parse_is_caught() {
        assert_eq!(complaints(&file("fn (".into())).len(), 1);
    }
}
