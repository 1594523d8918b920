//! Schema files: Python source becomes classes, or an error that names the line.

use super::docstring::{docstring, split_examples};
use super::{Argument, Class, Kind, Schema};
use crate::error::{Error, nearest};
use ruff_python_ast::{
    DictItem, Expr, Operator, Parameter, Stmt, StmtClassDef, StmtFunctionDef, StmtImportFrom,
};
use ruff_text_size::{Ranged, TextSize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Reads the classes of a schema file in its order.
///
/// The parser goes down a level of its stack for each bracket, so it gets a stack of its own and a
/// source that cannot exhaust it.
pub(super) fn parse(source: &str, path: &Path) -> Result<Schema, Error> {
    if source.len() > LONGEST {
        let message = format!("has {} bytes, expected at most {LONGEST}", source.len());
        return Err(Error::declaration(path, message));
    }
    if let Some(line) = too_deep(source) {
        let message =
            format!("brackets or signs are nested more than {DEEPEST} deep; a schema needs a few");
        return Err(Error::data(path, line, message));
    }
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || read(source, path))
            .map_err(Error::read(path))?;
        parser.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The longest schema file, in bytes; the paper's own schemas are a tenth of it.
const LONGEST: usize = 1 << 20;
/// The deepest nesting of brackets, and of signs before a value.
const DEEPEST: usize = 500;
/// Address space, of which only what is used becomes memory.
const STACK: usize = 1 << 29;

/// The line at which brackets are open deeper than [`DEEPEST`], or so many signs follow each other,
/// each of which the parser keeps a kilobyte for; classes begin afresh, and what stands inside
/// strings counts, as no text has so many of them.
fn too_deep(source: &str) -> Option<usize> {
    let (mut depth, mut signs) = (0usize, 0usize);
    for (number, line) in source.lines().enumerate() {
        if line.starts_with("class ") {
            depth = 0;
        }
        for byte in line.bytes() {
            match byte {
                b'-' | b'+' | b'~' => signs += 1,
                // Nothing that parts one sign from the next.
                byte if byte.is_ascii_whitespace() || byte == b'\\' => {}
                _ => signs = 0,
            }
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth.max(signs) > DEEPEST {
                return Some(number + 1);
            }
        }
    }
    None
}

fn read(source: &str, path: &Path) -> Result<Schema, Error> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let roots = ROOTS.map(|(name, kind)| (name.to_owned(), kind));
    let mut reader =
        Reader { source, path, classes: Vec::new(), kinds: roots.into(), hints: Vec::new() };
    let module = ruff_python_parser::parse_module(source).map_err(|error| {
        let message = format!("not Python: {}; a schema file is a module of classes", error.error);
        reader.error(error.location.start(), message)
    })?;
    for statement in module.suite() {
        reader.statement(statement)?;
    }
    reader.check_hints()?;
    Ok(Schema { classes: reader.classes })
}

const ROOTS: [(&str, Kind); 3] =
    [("Entity", Kind::Entity), ("Relation", Kind::Relation), ("Event", Kind::Event)];

struct Reader<'a> {
    source: &'a str,
    path: &'a Path,
    classes: Vec<Class>,
    /// Every class that may be derived from or named in a hint.
    kinds: HashMap<String, Kind>,
    /// Type hints; they may name classes further down, so they are checked last.
    hints: Vec<(String, TextSize)>,
}

impl Reader<'_> {
    fn statement(&mut self, statement: &Stmt) -> Result<(), Error> {
        match statement {
            Stmt::ClassDef(class) => self.class(class),
            Stmt::ImportFrom(import) => {
                self.import(import);
                Ok(())
            }
            Stmt::Import(_) | Stmt::Pass(_) => Ok(()),
            Stmt::Expr(text) if text.value.is_string_literal_expr() => Ok(()),
            other => Err(self.error(
                other.start(),
                "only imports and classes may stand in a schema file; it is read, never executed",
            )),
        }
    }

    /// `from Entities import A` makes `A` a known entity class, as official prompts have it.
    fn import(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        let kind = match module.rsplit('.').next() {
            Some("Entities" | "entities") => Kind::Entity,
            Some("Relations" | "relations") => Kind::Relation,
            Some("Events" | "events") => Kind::Event,
            _ => return,
        };
        for alias in &import.names {
            let name = alias.asname.as_ref().unwrap_or(&alias.name).to_string();
            // A root keeps its kind wherever it is imported from.
            self.kinds.entry(name).or_insert(kind);
        }
    }

    fn class(&mut self, definition: &StmtClassDef) -> Result<(), Error> {
        let name = definition.name.to_string();
        let at = definition.name.start();
        let bases = definition.arguments.as_ref().map_or(&[][..], |arguments| &arguments.args);
        let base = match bases {
            [] if is_root(&name) => return Ok(()),
            [base] => last_name(base),
            _ => None,
        };
        let Some(base) = base else {
            let message = format!(
                "class `{name}` needs one base class; derive it from Entity, Relation or Event"
            );
            return Err(self.error(at, message));
        };
        let Some(&kind) = self.kinds.get(&base) else {
            let known = self.kinds.keys().map(String::as_str).filter(|name| !is_root(name));
            let guess = nearest(&base, known);
            let guess = guess.map(|guess| format!("`{guess}`, ")).unwrap_or_default();
            let message = format!(
                "class `{name}` derives from `{base}`, which is neither defined above nor imported \
                 from Entities, Relations or Events; derive it from {guess}Entity, Relation or Event"
            );
            return Err(self.error(at, message));
        };
        if self.classes.iter().any(|class| class.name == name) {
            return Err(self.error(at, format!("class `{name}` stands twice; rename one of them")));
        }
        let parent = self.classes.iter().find(|class| class.name == base);
        let arguments = match (kind, parent) {
            (_, Some(parent)) => parent.arguments.clone(),
            (Kind::Relation, None) => RELATION_ARGUMENTS.map(entity_argument).into(),
            (Kind::Entity | Kind::Event, None) => Vec::new(),
        };
        let mut class = Class {
            name: name.clone(),
            kind,
            base,
            descriptions: BTreeMap::new(),
            examples: BTreeMap::new(),
            names: BTreeMap::new(),
            arguments,
        };
        for statement in &definition.body {
            self.member(&mut class, statement)?;
        }
        // The roles are known when the constructor is, which may stand below their names.
        for value in definition.body.iter().filter_map(names_of_roles) {
            self.name_roles(&mut class, value)?;
        }
        self.kinds.insert(name, kind);
        self.classes.push(class);
        Ok(())
    }

    fn member(&mut self, class: &mut Class, statement: &Stmt) -> Result<(), Error> {
        match statement {
            Stmt::Pass(_) => Ok(()),
            Stmt::Expr(text) => match &*text.value {
                Expr::StringLiteral(text) => {
                    let (description, examples) = docstring(text.value.to_str());
                    self.describe(class, "en", &description, text.start())?;
                    self.exemplify(class, "en", examples, text.start())
                }
                Expr::EllipsisLiteral(_) => Ok(()),
                _ => Err(self.stray(class, statement)),
            },
            Stmt::Assign(assignment) => match &assignment.targets[..] {
                [target] => self.attribute(class, target, &assignment.value),
                _ => Err(self.stray(class, statement)),
            },
            Stmt::AnnAssign(assignment) => match &assignment.value {
                Some(value) => self.attribute(class, &assignment.target, value),
                None => Err(self.stray(class, statement)),
            },
            Stmt::FunctionDef(function) if function.name.as_str() == "__init__" => {
                self.constructor(class, function)
            }
            // Official classes carry methods that filter mentions; they say nothing to a prompt.
            Stmt::FunctionDef(_) => Ok(()),
            _ => Err(self.stray(class, statement)),
        }
    }

    fn stray(&self, class: &Class, statement: &Stmt) -> Error {
        let message = format!(
            "class `{}` may have a docstring, the attributes names, roles, descriptions and \
             examples, and methods; nothing else",
            class.name
        );
        self.error(statement.start(), message)
    }

    fn attribute(&self, class: &mut Class, target: &Expr, value: &Expr) -> Result<(), Error> {
        const KNOWN: [&str; 4] = ["names", "descriptions", "examples", ROLES];
        let name = last_name(target).unwrap_or_default();
        if !KNOWN.contains(&name.as_str()) {
            let guess = nearest(&name, KNOWN)
                .map_or(String::new(), |guess| format!("; did you mean `{guess}`?"));
            let message = format!("class `{}` has no attribute `{name}`{guess}", class.name);
            return Err(self.error(target.start(), message));
        }
        if name == ROLES {
            return Ok(());
        }
        let Expr::Dict(entries) = value else {
            let message = format!("expected `{name} = {{\"zh\": …}}`, by language");
            return Err(self.error(value.start(), message));
        };
        for entry in &entries.items {
            let Some(Expr::StringLiteral(language)) = &entry.key else {
                return Err(self.error(entry.value.start(), "expected a language code as the key"));
            };
            let (language, at) = (language.value.to_str(), entry.value.start());
            match name.as_str() {
                "names" => {
                    let text = self.text(&entry.value)?;
                    if class.names.insert(language.to_owned(), text).is_some() {
                        return Err(self.twice(class, "name", language, at));
                    }
                }
                "descriptions" => {
                    let text = self.text(&entry.value)?;
                    self.describe(class, language, &text, at)?;
                }
                _ => {
                    let examples = self.examples(&entry.value)?;
                    self.exemplify(class, language, examples, at)?;
                }
            }
        }
        Ok(())
    }

    /// `{"zh": {"employee": "员工"}}`, for roles that the class has.
    fn name_roles(&self, class: &mut Class, value: &Expr) -> Result<(), Error> {
        if class.kind != Kind::Event {
            let message = format!("class `{}` is no event: only events have roles", class.name);
            return Err(self.error(value.start(), message));
        }
        let mut named: HashSet<(String, String)> = HashSet::new();
        for (language, names, _) in self.entries(value)? {
            for (role, name, at) in self.entries(names)? {
                let name = self.text(name)?;
                let mut roles = class.arguments.iter_mut();
                let Some(argument) = roles.find(|argument| argument.name == role) else {
                    let known = class.arguments.iter().map(|argument| argument.name.as_str());
                    let guess = nearest(&role, known)
                        .map_or(String::new(), |guess| format!("; did you mean `{guess}`?"));
                    let message = format!("class `{}` has no role `{role}`{guess}", class.name);
                    return Err(self.error(at, message));
                };
                // A name that the parent gave may be given anew.
                argument.names.insert(language.clone(), name);
                if !named.insert((language.clone(), role.clone())) {
                    return Err(self.twice(
                        class,
                        &format!("name of role `{role}`"),
                        &language,
                        at,
                    ));
                }
            }
        }
        Ok(())
    }

    /// The members of a dictionary whose keys are strings, and where they stand.
    fn entries<'e>(&self, value: &'e Expr) -> Result<Vec<(String, &'e Expr, TextSize)>, Error> {
        const EXPECTED: &str = "expected `roles = {\"zh\": {\"role\": \"…\"}}`, by language";
        let Expr::Dict(entries) = value else {
            return Err(self.error(value.start(), EXPECTED));
        };
        let entry = |entry: &'e DictItem| match &entry.key {
            Some(Expr::StringLiteral(key)) => {
                Ok((key.value.to_str().to_owned(), &entry.value, key.start()))
            }
            _ => Err(self.error(entry.value.start(), EXPECTED)),
        };
        entries.items.iter().map(entry).collect()
    }

    fn describe(
        &self,
        class: &mut Class,
        language: &str,
        text: &str,
        at: TextSize,
    ) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        match class.descriptions.insert(language.to_owned(), text.to_owned()) {
            Some(_) => Err(self.twice(class, "description", language, at)),
            None => Ok(()),
        }
    }

    fn exemplify(
        &self,
        class: &mut Class,
        language: &str,
        examples: Vec<String>,
        at: TextSize,
    ) -> Result<(), Error> {
        if examples.is_empty() {
            return Ok(());
        }
        match class.examples.insert(language.to_owned(), examples) {
            Some(_) => Err(self.twice(class, "examples", language, at)),
            None => Ok(()),
        }
    }

    fn twice(&self, class: &Class, what: &str, language: &str, at: TextSize) -> Error {
        let message = format!("class `{}`: {what} for `{language}` given twice", class.name);
        self.error(at, message)
    }

    fn text(&self, value: &Expr) -> Result<String, Error> {
        match value {
            Expr::StringLiteral(text) => Ok(text.value.to_str().to_owned()),
            other => Err(self.error(other.start(), "expected a string")),
        }
    }

    /// A list of strings, of pairs of strings for relations, or one string as in a docstring.
    fn examples(&self, value: &Expr) -> Result<Vec<String>, Error> {
        let items = match value {
            Expr::StringLiteral(text) => return Ok(split_examples(text.value.to_str())),
            Expr::List(list) => &list.elts,
            Expr::Tuple(tuple) => &tuple.elts,
            other => return Err(self.error(other.start(), "expected a list of strings")),
        };
        let example = |item: &Expr| match item {
            Expr::Tuple(pair) => {
                let texts: Result<Vec<String>, Error> =
                    pair.elts.iter().map(|text| self.text(text)).collect();
                Ok(format!("({})", texts?.join(", ")))
            }
            item => self.text(item),
        };
        items.iter().map(example).collect()
    }

    fn constructor(&mut self, class: &mut Class, function: &StmtFunctionDef) -> Result<(), Error> {
        let parameters = function.parameters.iter_non_variadic_params();
        let parameters: Vec<&Parameter> =
            parameters.skip(1).map(|parameter| &parameter.parameter).collect();
        let at = function.name.start();
        class.arguments = match class.kind {
            Kind::Entity => {
                let message = format!(
                    "class `{}` is an entity: it has a mention and no arguments",
                    class.name
                );
                return Err(self.error(at, message));
            }
            Kind::Relation => self.arguments(&parameters)?,
            // Detection lists the roles by name, `arg_names = ["employee", …]`.
            Kind::Event => match self.role_names(function)? {
                Some(roles) => roles.iter().map(|role| entity_argument(role)).collect(),
                None => {
                    let is_role = |parameter: &&&Parameter| parameter.name.as_str() != "trigger";
                    let roles: Vec<&Parameter> =
                        parameters.iter().filter(is_role).copied().collect();
                    self.arguments(&roles)?
                }
            },
        };
        let names: Vec<&str> = class.arguments.iter().map(|role| role.name.as_str()).collect();
        if let Some(role) = (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
            let message = format!("class `{}` has the role `{}` twice", class.name, names[role]);
            return Err(self.error(at, message));
        }
        if class.kind == Kind::Relation && names != RELATION_ARGUMENTS {
            let message = format!(
                "class `{}` has the arguments ({}); a relation has (head_entity, tail_entity)",
                class.name,
                names.join(", "),
            );
            return Err(self.error(at, message));
        }
        Ok(())
    }

    fn arguments(&mut self, parameters: &[&Parameter]) -> Result<Vec<Argument>, Error> {
        let argument = |parameter: &&Parameter| {
            let mut types = Vec::new();
            if let Some(hint) = &parameter.annotation {
                self.hint(hint, &mut types)?;
            }
            if types.is_empty() {
                types.push("Entity".to_owned());
            }
            Ok(Argument { name: parameter.name.to_string(), types, names: BTreeMap::new() })
        };
        parameters.iter().map(argument).collect()
    }

    /// The strings of `arg_names = [...]` in the constructor's body.
    fn role_names(&self, function: &StmtFunctionDef) -> Result<Option<Vec<String>>, Error> {
        for statement in &function.body {
            if let Stmt::Assign(assignment) = statement
                && let [Expr::Name(target)] = &assignment.targets[..]
                && target.id.as_str() == "arg_names"
            {
                let Expr::List(list) = &*assignment.value else {
                    return Err(self.error(assignment.value.start(), "expected a list of roles"));
                };
                return list
                    .elts
                    .iter()
                    .map(|role| self.text(role))
                    .collect::<Result<_, _>>()
                    .map(Some);
            }
        }
        Ok(None)
    }

    /// The entity classes of a type hint, from the left: `A`, `"A"`, `A | B`, `List[A | B]`,
    /// `Union[A, B]`, `Optional[A]`.
    fn hint(&mut self, hint: &Expr, types: &mut Vec<String>) -> Result<(), Error> {
        // A stack instead of recursion: a union of thousands of classes is a deep tree.
        let mut stack = vec![hint];
        while let Some(hint) = stack.pop() {
            match hint {
                Expr::BinOp(union) if union.op == Operator::BitOr => {
                    stack.extend([&*union.right, &*union.left]);
                }
                Expr::Subscript(generic) => stack.push(&generic.slice),
                Expr::Tuple(tuple) => stack.extend(tuple.elts.iter().rev()),
                Expr::NoneLiteral(_) => {}
                Expr::Name(_) | Expr::Attribute(_) | Expr::StringLiteral(_) => {
                    let name = match hint {
                        Expr::StringLiteral(text) => text.value.to_str().trim().to_owned(),
                        name => last_name(name).unwrap_or_default(),
                    };
                    self.hints.push((name.clone(), hint.start()));
                    if !types.contains(&name) {
                        types.push(name);
                    }
                }
                other => {
                    let message = "expected entity classes, such as `Person | Organization`";
                    return Err(self.error(other.start(), message));
                }
            }
        }
        Ok(())
    }

    fn check_hints(&self) -> Result<(), Error> {
        let is_entity = |name: &str| self.kinds.get(name) == Some(&Kind::Entity);
        let Some((name, at)) = self.hints.iter().find(|(name, _)| !is_entity(name)) else {
            return Ok(());
        };
        let entities = self.kinds.keys().map(String::as_str).filter(|name| is_entity(name));
        let way_out = match nearest(name, entities) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => "define it, import it from Entities, or write Entity".to_owned(),
        };
        Err(self.error(*at, format!("`{name}` is no entity class of this schema; {way_out}")))
    }

    fn error(&self, at: TextSize, message: impl Into<String>) -> Error {
        let before = self.source.as_bytes().iter().take(at.to_usize());
        Error::data(self.path, 1 + before.filter(|byte| **byte == b'\n').count(), message)
    }
}

/// The attribute that names roles in other languages.
const ROLES: &str = "roles";
const RELATION_ARGUMENTS: [&str; 2] = ["head_entity", "tail_entity"];

fn is_root(name: &str) -> bool {
    ROOTS.iter().any(|(root, _)| *root == name)
}

fn entity_argument(name: &str) -> Argument {
    Argument { name: name.to_owned(), types: vec!["Entity".to_owned()], names: BTreeMap::new() }
}

/// What a statement of a class gives as the names of its roles.
fn names_of_roles(statement: &Stmt) -> Option<&Expr> {
    let (target, value) = match statement {
        Stmt::Assign(assignment) => match &assignment.targets[..] {
            [target] => (target, &*assignment.value),
            _ => return None,
        },
        Stmt::AnnAssign(assignment) => (&*assignment.target, assignment.value.as_deref()?),
        _ => return None,
    };
    (last_name(target)? == ROLES).then_some(value)
}

/// `A` of `A` and of `module.A`.
fn last_name(name: &Expr) -> Option<String> {
    match name {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => Some(attribute.attr.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
