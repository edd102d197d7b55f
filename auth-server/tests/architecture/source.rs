//! Source files as the rules see them: which module each file is, and which paths it names outside its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, ExprMethodCall, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

type ModulePath = Vec<String>;

/// A path that a file names, and where. Paths into this crate begin with `crate`.
pub struct Reference {
    pub path: Vec<String>,
    pub line: usize,
    /// `pub use`: shows a thing under another path, and needs nothing of it.
    shown: bool,
}

pub struct Source {
    pub file: String,
    pub text: String,
    pub references: Vec<Reference>,
    /// Methods called: their names alone.
    pub calls: Vec<Reference>,
    module: ModulePath,
    /// Names that `pub use` (or `use`) brings in, and what they stand for.
    brought_in: BTreeMap<String, Vec<String>>,
}

impl Source {
    /// The folder or file right below `src`.
    pub fn room(&self) -> &str {
        let first = self.file.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }
}

/// All files of a crate. Those that only tests compile have no references.
pub struct House {
    sources: BTreeMap<ModulePath, Source>,
}

impl House {
    pub fn read(folder: &Path) -> Self {
        let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
        let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
        let texts: Vec<(String, String)> = files
            .map(|file| {
                let name = file.strip_prefix(folder).unwrap().display().to_string();
                (name, std::fs::read_to_string(&file).unwrap())
            })
            .collect();
        Self::of(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    pub fn of<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let files: BTreeMap<ModulePath, (&str, &str)> =
            files.into_iter().map(|(name, text)| (module_of(name), (name, text))).collect();
        let modules: BTreeSet<ModulePath> = files.keys().cloned().collect();
        let mut parsed = BTreeMap::new();
        for (module, (name, text)) in &files {
            let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            parsed.insert(module.clone(), (*name, *text, syntax));
        }
        let tests: BTreeSet<ModulePath> =
            parsed.iter().flat_map(|(module, (_, _, syntax))| test_modules(module, syntax)).collect();
        let sources = parsed.into_iter().map(|(module, (name, text, syntax))| {
            let mut reader = Reader::new(&module, &modules);
            if !(1..=module.len()).any(|depth| tests.contains(&module[..depth])) {
                reader.visit_file(&syntax);
            }
            let Reader { references, calls, brought_in, .. } = reader;
            let source =
                Source { file: name.to_owned(), text: text.to_owned(), references, calls, module: module.clone(), brought_in };
            (module, source)
        });
        Self { sources: sources.collect() }
    }

    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// The files that this one needs, each with the line that says so.
    pub fn imports<'h>(&'h self, source: &'h Source) -> impl Iterator<Item = (usize, &'h Source)> {
        let needed = source.references.iter().filter(|reference| !reference.shown && reference.path[0] == "crate");
        needed
            .filter_map(|reference| Some((reference.line, self.home_of(&reference.path[1..], 8)?)))
            .filter(|(_, target)| target.module != source.module)
    }

    /// The file that holds what a path names, wherever it is shown.
    fn home_of(&self, path: &[String], patience: usize) -> Option<&Source> {
        let depth = (0..=path.len()).rev().find(|depth| self.sources.contains_key(&path[..*depth]))?;
        let source = &self.sources[&path[..depth]];
        let elsewhere = path.get(depth).and_then(|name| source.brought_in.get(name));
        match elsewhere {
            Some(other) if other[0] == "crate" && patience > 0 => self.home_of(&other[1..], patience - 1),
            _ => Some(source),
        }
    }
}

fn module_of(file: &str) -> ModulePath {
    let mut parts: ModulePath = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    match parts.last().map(String::as_str) {
        Some("mod") => drop(parts.pop()),
        Some("lib") if parts.len() == 1 => parts.clear(),
        _ => {}
    }
    parts
}

/// The modules that a file declares for tests alone.
fn test_modules(module: &ModulePath, syntax: &syn::File) -> Vec<ModulePath> {
    let declared = syntax.items.iter().filter_map(|item| match item {
        Item::Mod(child) if is_for_tests(&child.attrs) => Some(child.ident.to_string()),
        _ => None,
    });
    declared.map(|name| module.iter().cloned().chain([name]).collect()).collect()
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

struct Reader<'m> {
    modules: &'m BTreeSet<ModulePath>,
    /// The module that is being read: the file's, and modules written inside it.
    module: ModulePath,
    file_depth: usize,
    references: Vec<Reference>,
    calls: Vec<Reference>,
    brought_in: BTreeMap<String, Vec<String>>,
}

impl<'m> Reader<'m> {
    fn new(module: &ModulePath, modules: &'m BTreeSet<ModulePath>) -> Self {
        let (references, calls, brought_in) = Default::default();
        Self { modules, module: module.clone(), file_depth: module.len(), references, calls, brought_in }
    }

    /// The path from the crate's root, or as it stands where it begins with another crate.
    fn absolute(&self, path: &[String]) -> Vec<String> {
        let inside = |base: &[String], rest: &[String]| {
            [&["crate".to_owned()], base, rest].concat()
        };
        match path[0].as_str() {
            "crate" => path.to_vec(),
            "self" => inside(&self.module, &path[1..]),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                inside(&self.module[..self.module.len().saturating_sub(up)], &path[up..])
            }
            first => {
                let child: ModulePath = self.module.iter().cloned().chain([first.to_owned()]).collect();
                if self.modules.contains(&child) { inside(&self.module, path) } else { path.to_vec() }
            }
        }
    }

    fn refer(&mut self, path: &[String], line: usize, shown: bool) {
        let path = self.absolute(path);
        self.references.push(Reference { path, line, shown });
    }

    fn use_tree(&mut self, tree: &UseTree, prefix: &[String], line: usize, shown: bool) {
        let longer = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &longer(path.ident.to_string()), line, shown),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, prefix, tree.span().start().line, shown);
                }
            }
            UseTree::Glob(_) => self.refer(prefix, line, shown),
            UseTree::Name(name) => self.bring_in(longer(name.ident.to_string()), &name.ident.to_string(), line, shown),
            UseTree::Rename(rename) => {
                self.bring_in(longer(rename.ident.to_string()), &rename.rename.to_string(), line, shown);
            }
        }
    }

    fn bring_in(&mut self, mut path: Vec<String>, name: &str, line: usize, shown: bool) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if self.module.len() == self.file_depth {
            self.brought_in.insert(name.to_owned(), self.absolute(&path));
        }
        self.refer(&path, line, shown);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let shown = !matches!(item.vis, Visibility::Inherited);
        self.use_tree(&item.tree, &[], item.span().start().line, shown);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.refer(&parts, path.span().start().line, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let line = call.method.span().start().line;
        self.calls.push(Reference { path: vec![call.method.to_string()], line, shown: false });
        visit::visit_expr_method_call(self, call);
    }

    /// What stands inside a macro is no syntax yet: paths are found by their look, `a :: b :: c`.
    fn visit_macro(&mut self, mac: &'ast Macro) {
        let text = mac.tokens.to_string();
        let line = mac.span().start().line;
        let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).collect();
        for path in words.join(" ").replace(" :: ", "::").split(' ').filter(|word| word.contains("::")) {
            let parts: Vec<String> = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            if parts.len() > 1 {
                self.refer(&parts, line, false);
            }
        }
        visit::visit_macro(self, mac);
    }
}
