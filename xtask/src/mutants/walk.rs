//! The walk through a source that finds its [`places`](super::places).
//!
//! Invariant: what the compiler computes (constants, statics, `const fn`, lengths of arrays) and what is not in the tests' build is found, too,
//! and refused.

use super::listed::{Genre, Position};
use super::places::{Bytes, Kind, Place, Refused};
use anyhow::{Context, Result};
use proc_macro2::Span;
use std::collections::BTreeMap;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, BinOp, Expr, UnOp};

/// What was found by genre and position, and how deep in what is refused we are.
#[derive(Default)]
struct Walk {
    found: BTreeMap<(Genre, Position), Place>,
    constant: usize,
    elsewhere: usize,
}

/// All places of a source.
///
/// # Errors
/// When the text is no Rust.
pub(super) fn walk(text: &str) -> Result<BTreeMap<(Genre, Position), Place>> {
    let file = syn::parse_file(text).context("no Rust that syn can read")?;
    let mut walk = Walk::default();
    walk.visit_file(&file);
    Ok(walk.found)
}

impl Walk {
    fn add(&mut self, genre: Genre, at: Span, bytes: Bytes, kind: Kind, own: Option<Refused>) {
        let refused = match () {
            () if self.elsewhere > 0 => Some(Refused::Elsewhere),
            () if self.constant > 0 => Some(Refused::Constant),
            () => own,
        };
        let place = Place { bytes, operator: at.byte_range(), kind, refused };
        self.found.insert((genre, position(at)), place);
    }

    /// Goes on inside something that has attributes and may be constant.
    fn inside(&mut self, attributes: &[Attribute], is_constant: bool, go_on: impl FnOnce(&mut Self)) {
        let (elsewhere, constant) = (usize::from(is_elsewhere(attributes)), usize::from(is_constant));
        self.elsewhere += elsewhere;
        self.constant += constant;
        go_on(self);
        self.elsewhere -= elsewhere;
        self.constant -= constant;
    }

    fn arm(&mut self, arm: &syn::Arm, needed: Option<Refused>) {
        let guard = arm.guard.as_ref().map(|(_, guard)| &**guard);
        let chain = guard.is_some_and(has_let).then_some(Refused::LetGuard);
        let end = bytes(&arm.pat).end;
        let kind = Kind::Arm(end, guard.map(bytes));
        let whole = end..guard.map_or(end, |guard| bytes(guard).end);
        self.add(Genre::MatchArm, arm.span(), whole.clone(), kind.clone(), chain.or(needed));
        if let Some(guard) = guard {
            self.add(Genre::MatchArmGuard, guard.span(), whole, kind, chain);
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else { return };
        let bytes = first.span().byte_range().start..last.span().byte_range().end;
        let mut returns = Returns(false);
        returns.visit_block(block);
        self.add(
            Genre::FnValue,
            first.span(),
            bytes,
            Kind::Body(gives_iterator(signature) && !returns.0),
            None,
        );
    }
}

/// A position as cargo-mutants counts.
fn position(span: Span) -> Position {
    let start = span.start();
    Position { line: start.line, column: start.column + 1 }
}

fn bytes(of: &impl Spanned) -> Bytes {
    of.span().byte_range()
}

/// Whether what has these attributes is not in the tests' build.
fn is_elsewhere(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let text = list.tokens.to_string();
        text.contains("\"fuzzing\"") || (text.contains("\"wasm32\"") && !text.starts_with("not"))
    })
}

fn gives_iterator(signature: &syn::Signature) -> bool {
    let syn::ReturnType::Type(_, given) = &signature.output else { return false };
    let syn::Type::ImplTrait(given) = &**given else { return false };
    given.bounds.iter().any(|bound| match bound {
        syn::TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|name| name.ident.to_string().ends_with("Iterator"))
        }
        _ => false,
    })
}

/// Whether an arm takes whatever comes to it.
fn takes_all(arm: &syn::Arm) -> bool {
    let is_name = |name: &syn::Ident| name.to_string().starts_with(|letter: char| letter.is_lowercase());
    let takes_all = match &arm.pat {
        syn::Pat::Wild(_) => true,
        syn::Pat::Ident(name) => name.subpat.is_none() && is_name(&name.ident),
        _ => false,
    };
    takes_all && arm.guard.is_none()
}

/// Whether a chain of `&&` has a `let` in it.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            has_let(&binary.left) || has_let(&binary.right)
        }
        _ => false,
    }
}

/// Whether a body returns early, closures aside.
struct Returns(bool);

impl<'a> Visit<'a> for Returns {
    fn visit_expr_return(&mut self, _: &'a syn::ExprReturn) {
        self.0 = true;
    }
    fn visit_expr_try(&mut self, _: &'a syn::ExprTry) {
        self.0 = true;
    }
    fn visit_expr_closure(&mut self, _: &'a syn::ExprClosure) {}
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

impl<'a> Visit<'a> for Walk {
    fn visit_expr_binary(&mut self, binary: &'a syn::ExprBinary) {
        let (left, right) = (bytes(&*binary.left), bytes(&*binary.right));
        let is_chain = has_let(&binary.left) || has_let(&binary.right);
        let refused = is_chain.then_some(Refused::LetChain);
        let kind = match binary.op {
            BinOp::And(_) => Kind::And(left, right),
            BinOp::Or(_) => Kind::Or(left, right),
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                Kind::Comparison(left, right)
            }
            BinOp::Add(_)
            | BinOp::Sub(_)
            | BinOp::Mul(_)
            | BinOp::Div(_)
            | BinOp::Rem(_)
            | BinOp::BitAnd(_)
            | BinOp::BitOr(_)
            | BinOp::BitXor(_)
            | BinOp::Shl(_)
            | BinOp::Shr(_) => Kind::Arithmetic(left, right),
            _ => Kind::Assignment(left, right),
        };
        self.add(Genre::BinaryOperator, binary.op.span(), bytes(binary), kind, refused);
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'a syn::ExprUnary) {
        if !matches!(unary.op, UnOp::Deref(_)) {
            let kind = Kind::Unary(bytes(&*unary.expr));
            self.add(Genre::UnaryOperator, unary.op.span(), bytes(unary), kind, None);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, of: &'a syn::ExprMatch) {
        let all: Vec<bool> = of.arms.iter().map(takes_all).collect();
        let count = all.iter().filter(|takes_all| **takes_all).count();
        for (arm, takes_all) in of.arms.iter().zip(all) {
            self.arm(arm, (count == usize::from(takes_all)).then_some(Refused::Needed));
        }
        visit::visit_expr_match(self, of);
    }

    fn visit_expr_struct(&mut self, of: &'a syn::ExprStruct) {
        let starts: Vec<usize> = of.fields.iter().map(|field| bytes(field).start).collect();
        if let Some(base) = &of.dot2_token {
            let ends = starts.iter().copied().skip(1).chain([bytes(base).start]);
            let fields: Vec<Bytes> = starts.iter().zip(ends).map(|(start, end)| *start..end).collect();
            for field in &of.fields {
                self.add(Genre::StructField, field.span(), bytes(of), Kind::Struct(fields.clone()), None);
            }
        }
        visit::visit_expr_struct(self, of);
    }

    fn visit_item_fn(&mut self, of: &'a syn::ItemFn) {
        self.inside(&of.attrs, of.sig.constness.is_some(), |walk| {
            walk.function(&of.sig, &of.block);
            visit::visit_item_fn(walk, of);
        });
    }

    fn visit_impl_item_fn(&mut self, of: &'a syn::ImplItemFn) {
        self.inside(&of.attrs, of.sig.constness.is_some(), |walk| {
            walk.function(&of.sig, &of.block);
            visit::visit_impl_item_fn(walk, of);
        });
    }

    fn visit_trait_item_fn(&mut self, of: &'a syn::TraitItemFn) {
        if let Some(block) = &of.default {
            self.function(&of.sig, block);
        }
        visit::visit_trait_item_fn(self, of);
    }

    fn visit_item_mod(&mut self, of: &'a syn::ItemMod) {
        self.inside(&of.attrs, false, |walk| visit::visit_item_mod(walk, of));
    }

    fn visit_item_impl(&mut self, of: &'a syn::ItemImpl) {
        self.inside(&of.attrs, false, |walk| visit::visit_item_impl(walk, of));
    }

    fn visit_item_const(&mut self, of: &'a syn::ItemConst) {
        self.inside(&of.attrs, true, |walk| visit::visit_item_const(walk, of));
    }

    fn visit_impl_item_const(&mut self, of: &'a syn::ImplItemConst) {
        self.inside(&of.attrs, true, |walk| visit::visit_impl_item_const(walk, of));
    }

    fn visit_item_static(&mut self, of: &'a syn::ItemStatic) {
        self.inside(&of.attrs, true, |walk| visit::visit_item_static(walk, of));
    }

    fn visit_expr_const(&mut self, of: &'a syn::ExprConst) {
        self.inside(&of.attrs, true, |walk| visit::visit_expr_const(walk, of));
    }

    fn visit_type_array(&mut self, of: &'a syn::TypeArray) {
        self.inside(&[], true, |walk| visit::visit_type_array(walk, of));
    }
}
